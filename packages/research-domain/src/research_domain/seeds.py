"""Seeds: how everything random gets its generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from research_domain.errors import SeedError

__all__ = ["distinct", "entropy_of", "experiment_seed", "make_rng", "make_seed_sequence"]


def make_seed_sequence(seed: Any = None) -> np.random.SeedSequence:
    """Turn a seed into a seed sequence.

    Parameters
    ----------
    seed : None, bool, int, sequence of int, or an object with a seed sequence
        None, True and False draw fresh entropy from the operating system,
        an int or ints are the entropy. An object is a ``SeedSequence``, a bit generator, a ``Generator``,
        or anything with an attribute `seed_seq`, `random_seed` or `seed_sequence` that is a ``SeedSequence``.

    Returns
    -------
    numpy.random.SeedSequence
        The sequence of the object if it has one, a new one otherwise.

    Raises
    ------
    SeedError
        If there is no seed in it.

    Examples
    --------
    >>> make_seed_sequence(42).entropy
    42
    """
    if seed is None or isinstance(seed, bool):
        return np.random.SeedSequence()
    if isinstance(seed, int | np.integer):
        if seed < 0:
            raise SeedError("seed", f"got {seed}; an integer seed is not negative")
        return np.random.SeedSequence(int(seed))
    found = _find_sequence(seed)
    if found is not None:
        return found
    if isinstance(seed, list | tuple) and all(
        isinstance(part, int | np.integer) and part >= 0 for part in seed
    ):
        return np.random.SeedSequence([int(part) for part in seed])
    raise SeedError(
        "seed",
        f"got {seed!r} of type {type(seed).__name__}; use None, an int, or an object with a seed sequence",
    )


def _find_sequence(seed: Any) -> np.random.SeedSequence | None:
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if isinstance(seed, np.random.Generator):
        seed = seed.bit_generator
    for name in ("seed_seq", "random_seed", "seed_sequence"):
        found = getattr(seed, name, None)
        if isinstance(found, np.random.SeedSequence):
            return found
    return None


def entropy_of(seed: Any) -> int | list[int]:
    """Return the entropy of a seed as plain numbers, which can be recorded and be a seed again.

    Parameters
    ----------
    seed : object
        See :func:`make_seed_sequence`; entropy is drawn for a seed that has none.

    Examples
    --------
    >>> entropy_of(42), entropy_of([1, 2])
    (42, [1, 2])
    """
    sequence = make_seed_sequence(seed)
    if sequence.spawn_key or sequence.entropy is None:
        return [int(word) for word in sequence.generate_state(8)]
    if isinstance(sequence.entropy, int):
        return int(sequence.entropy)
    return [int(part) for part in sequence.entropy]


def make_rng(seed: Any = None) -> np.random.Generator:
    """Make a generator from a seed.

    Parameters
    ----------
    seed : object
        A ``Generator`` is returned as it is, the rest as in :func:`make_seed_sequence`.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> make_rng(1).random() == make_rng(1).random()
    True
    """
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.Generator(np.random.PCG64(make_seed_sequence(seed)))


def experiment_seed(entropy: int | Sequence[int], digest: bytes) -> np.random.SeedSequence:
    """Derive the seed of an experiment from that of its research and from its identity.

    Parameters
    ----------
    entropy : int or sequence of int
        Entropy of the research's seed sequence.
    digest : bytes, length a multiple of 4
        Digest of the experiment's identity.

    Returns
    -------
    numpy.random.SeedSequence
        With the entropy of the research and the digest, as little-endian 32-bit words, as its spawn key.

    Examples
    --------
    >>> import hashlib
    >>> digest = hashlib.sha256(b'a_1').digest()
    >>> make_rng(experiment_seed(42, digest)).integers(1000)
    np.int64(...)
    """
    words = tuple(int(word) for word in np.frombuffer(digest, dtype="<u4"))
    parts = int(entropy) if isinstance(entropy, int | np.integer) else [int(part) for part in entropy]
    return np.random.SeedSequence(parts, spawn_key=words)


def distinct(n: int, length: int, seed: np.random.SeedSequence) -> list[int]:
    """Draw `n` different indices below `length`, in random order."""
    key = (*seed.spawn_key, _INDICES)
    rng = make_rng(np.random.SeedSequence(seed.entropy, spawn_key=key))
    if length < 2**62:
        return [int(index) for index in rng.choice(length, size=n, replace=False)]
    chosen: dict[int, None] = {}
    n_bytes = (length.bit_length() + 7) // 8 + 8
    while len(chosen) < n:
        chosen[int.from_bytes(rng.bytes(n_bytes), "little") % length] = None
    return list(chosen)


_INDICES = 0x696E6469
