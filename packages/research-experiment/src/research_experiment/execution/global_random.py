"""The global generators of `random`, NumPy and PyTorch: a stream of its own for each experiment.

They belong to the process, so experiments that run at the same time, in threads, share them.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.random import mtrand

__all__ = ["ScriptRandom", "Turns", "global_seed", "seed_globals"]

_SEED_BYTES: Final = 32
_TORCH: Final = "torch"

_MERSENNE: Final = np.random.MT19937()
"""The generator under `numpy.random` while experiments run, whatever the script has put there."""


def global_seed(entropy: int | Sequence[int], digest: bytes) -> bytes:
    """Derive the seed of an experiment's global generators from its research's seed and its identity.

    Parameters
    ----------
    entropy : int or sequence of int
        The seed of the research.
    digest : bytes
        Digest of the experiment's identity.

    Returns
    -------
    bytes, length 32
        Unrelated to the stream of ``E().random``.

    Examples
    --------
    >>> global_seed(1, b"a") == global_seed([1], b"a") != global_seed(2, b"a")
    True
    """
    words = (int(entropy),) if isinstance(entropy, int | np.integer) else tuple(int(word) for word in entropy)
    return hashlib.blake2b(digest, digest_size=_SEED_BYTES, key=_key(words), person=b"globals").digest()


@lru_cache(16)
def _key(words: tuple[int, ...]) -> bytes:
    return hashlib.blake2b(repr(words).encode()).digest()


def seed_globals(seed: bytes) -> None:
    """Seed `random`, `numpy.random` and, if it is imported or as soon as it is, `torch`.

    Parameters
    ----------
    seed : bytes, length 32
        What `global_seed` returned.

    Examples
    --------
    >>> seed_globals(bytes(32))
    >>> first = random.random(), np.random.random()
    >>> seed_globals(bytes(32))
    >>> first == (random.random(), np.random.random())
    True
    """
    random.seed(int.from_bytes(seed[:16], "little"))
    if mtrand.get_bit_generator() is not _MERSENNE:
        mtrand.set_bit_generator(_MERSENNE)
    np.random.seed(np.frombuffer(seed, "<u4", 4, 16))
    _TORCH_SEED.set(int.from_bytes(seed[:8], "little"))


class _TorchSeed(MetaPathFinder):
    """Seeds PyTorch, which draws from a seed of its own or of the system until somebody does.

    An experiment may be the first of its process to import it: this finder stands before the others, and
    seeds it when it has been loaded.
    """

    def __init__(self) -> None:
        self._seed: int | None = None
        self._finding = False

    def set(self, seed: int | None) -> None:
        """Seed it, now or when it is imported; None for no longer."""
        self._seed = seed
        if _TORCH in sys.modules:
            self._apply(sys.modules[_TORCH])
        elif seed is not None and self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def _apply(self, torch: ModuleType) -> None:
        seed = getattr(torch, "manual_seed", None)  # there is none while it is being imported
        if seed is not None and self._seed is not None:
            seed(self._seed)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find PyTorch as the other finders do, and nothing else."""
        if name != _TORCH or self._finding:
            return None
        self._finding = True
        try:
            found = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
            spec = next((spec for spec in found if spec is not None), None)
        finally:
            self._finding = False
        loader: Any = None if spec is None else spec.loader
        if hasattr(loader, "exec_module"):
            loader.exec_module = self._seeded(loader.exec_module)
        return spec

    def _seeded(self, execute: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
        def load(module: ModuleType) -> None:
            execute(module)
            self._apply(module)

        return load


_TORCH_SEED: Final = _TorchSeed()


def _torch() -> Any:
    """Return PyTorch if it has been imported, else None."""
    torch = sys.modules.get(_TORCH)
    return torch if hasattr(torch, "set_rng_state") else None


def _states() -> tuple[Any, ...]:
    """Return the states of all global generators."""
    torch = _torch()
    cpu = gpus = None
    if torch is not None:
        cpu = torch.get_rng_state()
        gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    numpy = mtrand.get_bit_generator(), np.random.get_state(legacy=False)
    return random.getstate(), numpy, cpu, gpus


def _put(states: tuple[Any, ...]) -> None:
    """Put back what `_states` returned."""
    python, (generator, numpy), cpu, gpus = states
    random.setstate(python)
    if mtrand.get_bit_generator() is not generator:
        mtrand.set_bit_generator(generator)
    np.random.set_state(numpy)
    torch = _torch()
    if torch is not None and cpu is not None:
        torch.set_rng_state(cpu)
        if gpus is not None:
            torch.cuda.set_rng_state_all(gpus)


class Turns:
    """Lets experiments that run in turn have the global generators to themselves.

    Parameters
    ----------
    entropy : int or sequence of int
        The seed of the research.
    """

    __slots__ = ("_entropy", "_holder", "_left")

    def __init__(self, entropy: int | Sequence[int]) -> None:
        self._entropy = entropy
        self._holder: bytes | None = None
        self._left: dict[bytes, tuple[Any, ...]] = {}

    def take(self, digest: bytes) -> None:
        """Give the generators to an experiment: as it left them, or seeded for it if it is the first time.

        Parameters
        ----------
        digest : bytes
            Digest of its identity.
        """
        if digest == self._holder:
            return
        if self._holder is not None:
            self._left[self._holder] = _states()
        self._holder = digest
        left = self._left.pop(digest, None)
        if left is None:
            seed_globals(global_seed(self._entropy, digest))
        else:
            _put(left)


class ScriptRandom:
    """The states of the script's own global generators, while experiments run in its process.

    Examples
    --------
    >>> random.seed(3)
    >>> script = ScriptRandom()
    >>> script.keep()
    >>> seed_globals(bytes(32))
    >>> script.put_back()
    >>> value = random.random()
    >>> random.seed(3)
    >>> value == random.random()
    True
    """

    def __init__(self) -> None:
        self._kept: tuple[Any, ...] | None = None

    def keep(self) -> None:
        """Keep the states, unless they are kept already."""
        if self._kept is None:
            self._kept = _states()

    def put_back(self) -> None:
        """Put them back, if they are kept."""
        kept, self._kept = self._kept, None
        if kept is not None:
            _TORCH_SEED.set(None)
            _put(kept)
