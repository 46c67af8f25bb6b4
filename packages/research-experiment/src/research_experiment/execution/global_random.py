"""The global generators of `random`, NumPy and PyTorch: a stream of its own for each experiment.

They belong to the process, so experiments that run at the same time, in threads, share them. Those of NumPy
and PyTorch are seeded where they are there: the first experiment of a process to import them finds them
seeded as well, and experiments that do without do not pay for them.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from research_domain.after_import import AfterImport
from research_domain.values.of_numpy import is_numpy

if TYPE_CHECKING:
    from research_experiment.execution._mersenne import Mersenne

_SEED_BYTES: Final = 32


def global_seed(entropy: int | Sequence[int], digest: bytes) -> bytes:
    """Derive the seed of an experiment's global generators from its research's seed and its identity.

    It has nothing to do with the stream of ``E().random``.

    Examples
    --------
    >>> global_seed(1, b"a") == global_seed([1], b"a") != global_seed(2, b"a")
    True
    """
    words: Any = (entropy,) if isinstance(entropy, int) or is_numpy(entropy, "integer") else entropy
    hashed = _keyed(tuple(words)).copy()
    hashed.update(digest)
    return hashed.digest()


@lru_cache(16)
def _keyed(words: tuple[Any, ...]) -> hashlib.blake2b:
    key = hashlib.blake2b(repr(tuple(map(int, words))).encode()).digest()
    return hashlib.blake2b(digest_size=_SEED_BYTES, key=key, person=b"globals")


_PYTHONS: Final[Any] = random.random.__self__  # type: ignore[attr-defined]
"""The instance of `random.Random` that the functions of the module belong to."""

_seed_in_c: Final[Callable[[Any, int], None]] = random.Random.__base__.seed  # type: ignore[union-attr]
"""What `random.seed` calls in the end, after it has spent half as long again on the type of the seed."""


class _Python:
    """The generator of `random`, which is always there."""

    name = "random"

    def is_there(self) -> bool:
        return True

    def seed(self, seed: bytes) -> None:
        _seed_in_c(_PYTHONS, int.from_bytes(seed[:16], "little"))
        _PYTHONS.gauss_next = None

    def state(self) -> Any:
        return random.getstate()

    def put(self, state: Any) -> None:
        random.setstate(state)


class _Imported:
    """A generator that is there when its module is."""

    name: ClassVar[str]
    mark: ClassVar[str]
    """What the module has when enough of it has been executed."""

    module: Any = None
    """The module, once it was there."""

    def is_there(self) -> bool:
        self.module = sys.modules.get(self.name)
        return self.module is not None and hasattr(self.module, self.mark)


class _NumPy(_Imported):
    """The generator of `numpy.random`."""

    name = "numpy.random"
    mark = "set_state"

    def seed(self, seed: bytes) -> None:
        mersenne = _mersenne()
        mersenne.seed(seed)
        self.module.set_bit_generator(mersenne.generator)  # which forgets the second of two normal numbers

    def state(self) -> Any:
        return self.module.get_bit_generator(), self.module.get_state(legacy=False)

    def put(self, state: Any) -> None:
        generator, numbers = state
        self.module.set_bit_generator(generator)
        self.module.set_state(numbers)


@cache
def _mersenne() -> Mersenne:
    """Return the generator under `numpy.random` while experiments run, whatever the script has put there."""
    from research_experiment.execution._mersenne import Mersenne  # late, as it imports NumPy

    return Mersenne()


class _Torch(_Imported):
    """The generators of `torch`, which have random seeds by default."""

    name = "torch"
    mark = "set_rng_state"

    def seed(self, seed: bytes) -> None:
        self.module.manual_seed(int.from_bytes(seed[:8], "little"))

    def state(self) -> Any:
        torch = self.module
        gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
        return torch.get_rng_state(), gpus

    def put(self, state: Any) -> None:
        cpu, gpus = state
        self.module.set_rng_state(cpu)
        if gpus is not None:
            self.module.cuda.set_rng_state_all(gpus)


_LATE: Final = {generator.name: generator for generator in (_NumPy(), _Torch())}
_PYTHON: Final = _Python()
_ALL: Final = (_PYTHON, *_LATE.values())


def seed_globals(seed: bytes) -> None:
    """Seed `random` and, if they are imported or as soon as they are, `numpy.random` and `torch`.

    Examples
    --------
    >>> import numpy as np
    >>> seed_globals(bytes(32))
    >>> first = random.random(), np.random.random()
    >>> seed_globals(bytes(32))
    >>> first == (random.random(), np.random.random())
    True
    """
    _LATE_SEEDS.set(seed)
    _PYTHON.seed(seed)
    modules = sys.modules
    for name, generator in _LATE.items():
        if name in modules and generator.is_there():
            generator.seed(seed)


class _LateSeeds(AfterImport):
    """Seeds the generators of modules that an experiment is the first to import."""

    def __init__(self) -> None:
        super().__init__(_LATE, self._seed_module)
        self._seed: bytes | None = None

    def set(self, seed: bytes | None) -> None:
        """Let this be the seed of what is imported from now on; None for none."""
        self._seed = seed
        if seed is not None:
            self.install()

    def _seed_module(self, module: ModuleType) -> None:
        generator = _LATE[module.__name__]
        if self._seed is not None and generator.is_there():
            generator.seed(self._seed)


_LATE_SEEDS: Final = _LateSeeds()


def _states() -> Mapping[str, Any]:
    """Return the states of all global generators that are there."""
    return {generator.name: generator.state() for generator in _ALL if generator.is_there()}


def _put(states: Mapping[str, Any], seed: bytes | None) -> None:
    """Restore the result of `_states`; other generators get the seed, also on a later import."""
    _LATE_SEEDS.set(seed)
    for generator in _ALL:
        if generator.is_there():
            if generator.name in states:
                generator.put(states[generator.name])
            else:
                generator.seed(seed or os.urandom(_SEED_BYTES))


class Turns:
    """Lets experiments that run in turn have the global generators to themselves."""

    __slots__ = ("_entropy", "_holder", "_left")

    def __init__(self, entropy: int | Sequence[int]) -> None:
        self._entropy = entropy
        self._holder: bytes | None = None
        self._left: dict[bytes, Mapping[str, Any]] = {}

    def take(self, digest: bytes) -> None:
        """Give the generators to an experiment: as it left them, or seeded for it if it is the first time."""
        if digest == self._holder:
            return
        if self._holder is not None:
            self._left[self._holder] = _states()
        self._holder = digest
        _put(self._left.pop(digest, {}), global_seed(self._entropy, digest))


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
        self._kept: Mapping[str, Any] | None = None

    def keep(self) -> None:
        """Keep the states, unless they are kept already."""
        if self._kept is None:
            self._kept = _states()

    def put_back(self) -> None:
        """Put them back, if they are kept; generators that came since are seeded by the system."""
        kept, self._kept = self._kept, None
        if kept is not None:
            _put(kept, None)
