"""Identity: ids of experiments, derived from their parameters."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from research_domain._counting import check_digits
from research_domain._occurrences import Occurrences
from research_domain.alias import Alias, ConfigAlias, Pair, Pairs, as_alias, is_auxiliary, value_of
from research_domain.errors import AliasError, ParameterError
from research_domain.values.form import form
from research_domain.values.names import display
from research_domain.values.numbers import SCALARS, string
from research_domain.values.writer import digest_of

__all__ = ["Identifier", "Identity"]

_SHOWN = 16
"""Hex digits of an id; in one of 37 million researches of a million configs, two have the same."""

_FIRST = itemgetter(0)
_WORDS = Struct(">Q20xI").unpack


class Identity(NamedTuple):
    """What identifies an experiment.

    Parameters
    ----------
    id : str
        Name of the experiment: optional prefix, 16 hex digits of the hash of its parameters and their values,
        the repetition, and the occurrence if it is not the first.
    digest : bytes, length 32
        Hash of parameters, values, repetition and occurrence: experiments are the same if theirs are equal.
        Random streams derive from it.
    repetition : int
        Number of the repetition.
    occurrence : int
        How many experiments before this one had the same parameters, values and repetition.
    """

    id: str
    digest: bytes
    repetition: int
    occurrence: int


class Identifier:
    """Gives experiments their identities, one after another.

    Parameters
    ----------
    create_id_prefix : bool or int, default False
        Whether ids begin with the indices of the options, in order of first appearance, and the repetition;
        an int is the number of digits of each (True: 1).
    known : mapping of bytes to str, optional
        Digest of each experiment that has an id already, which it keeps.
    on_name : callable, optional
        Called with the parameter, the name and the digest of each value that has a lasting name: an alias
        that somebody chose, or the name of a function or class in its module; at least once for each value.

    Notes
    -----
    A value counts exactly and with its type, see :func:`research_domain.digest`; under an alias that somebody
    chose the alias counts. Where two configs have the same 16 hex digits, the later one shows all 64.

    Examples
    --------
    >>> from research_domain import ConfigAlias
    >>> identifier = Identifier()
    >>> identifier.identify(ConfigAlias({'a': 1, 'repetition': 0})).id
    'c495ddb37077249f-0'
    >>> identifier.identify(ConfigAlias({'a': 1, 'repetition': 0})).id
    'c495ddb37077249f-0-1'
    >>> identifier.identify(ConfigAlias({'a': '1', 'repetition': 0})).id
    'a4e75da8cef166f6-0'
    """

    def __init__(
        self,
        create_id_prefix: bool | int = False,
        known: Mapping[bytes, str] | None = None,
        on_name: Callable[[str, str, bytes], object] | None = None,
    ) -> None:
        import hashlib  # late, as it takes longer than the rest of this package

        check_digits(create_id_prefix)
        self._sha256 = hashlib.sha256
        self._digits = int(create_id_prefix)
        self._known = known or {}
        self._taken = frozenset(self._known.values())
        self._occurrences = Occurrences()
        self._options: dict[str, dict[bytes, int]] = {}
        self._pieces: dict[int, bytes] = {}
        self._pairs: list[Pair] = []  # those with pieces are kept, so that no other gets their id
        self._layouts: dict[tuple[int, int], _Layout] = {}
        self._layout = _Layout([])  # of the last config
        self._values = _Values(on_name)

    def identify(self, config: ConfigAlias) -> Identity:
        """Return the identity of the next experiment.

        Parameters
        ----------
        config : ConfigAlias
            Its config; of the keys that say how it is run, only the repetition counts.

        Returns
        -------
        Identity

        Raises
        ------
        ParameterError
            If the repetition is no int.
        AliasError
            If an alias that a user chose stands for another value than before.

        Warns
        -----
        UserWarning
            If a value can be told from others by its text alone.
        """
        pairs, known, layout = config._pairs, self._pieces, self._layout
        if list(map(_FIRST, pairs)) != layout.keys:
            layout = self._layout = self._layout_of(pairs)
        ordered = layout.ordered(pairs)
        pieces: list[Any] = list(map(known.get, map(id, ordered)))
        if None in pieces:
            pieces = [known.get(id(pair)) or self._piece(pair) for pair in ordered]
        repetition = 0 if layout.repetition is None else pairs[layout.repetition][1]
        if type(repetition) is not int:
            repetition = _number(repetition)
        hashed = self._sha256(b"".join(pieces))
        content = hashed.digest()
        beginning, rest = _WORDS(content)
        occurrence, is_ambiguous = self._occurrences.count(beginning >> (64 - 4 * _SHOWN), rest, repetition)
        hashed.update(b"\n%d\n%d" % (repetition, occurrence))
        digest = hashed.digest()
        name = self._known.get(digest)
        if name is None:
            shown = content.hex()
            end = f"-{repetition}-{occurrence}" if occurrence else f"-{repetition}"
            name = shown[:_SHOWN] + end
            if is_ambiguous or name in self._taken:
                name = shown + end
            prefix = self._prefix(layout, pieces, repetition) if self._digits else config.prefix
            name = f"{prefix}_{name}" if prefix else name
        # in a third of the time of a call
        return tuple.__new__(Identity, (name, digest, repetition, occurrence))

    def _layout_of(self, pairs: Pairs) -> _Layout:
        keys = list(map(_FIRST, pairs))
        mark = (id(keys[0]), len(keys)) if keys else (0, 0)
        layout = self._layouts.get(mark)
        if layout is None or layout.keys != keys:
            if len(self._layouts) >= _MANY:
                self._layouts.clear()
            layout = self._layouts[mark] = _Layout(keys)
        return layout

    def _piece(self, pair: Pair) -> bytes:
        """Return the bytes of an item of a config, which are computed once for equal items."""
        key, value = pair
        write = SCALARS.get(type(value))
        text = self._values.text(key, value) if write is None else write(value)
        if len(self._pieces) >= _MANY_PIECES:
            self._pieces.clear()
            self._pairs.clear()
        self._pieces[id(pair)] = piece = (string(key.value) + text).encode("utf-8", "surrogatepass")
        self._pairs.append(pair)
        return piece

    def _prefix(self, layout: _Layout, pieces: list[bytes], repetition: int) -> str:
        """Return the indices of values, in the order of the parameters in the config."""
        indices = []
        for name, number in layout.in_config:
            options = self._options.setdefault(name, {})
            indices.append(options.setdefault(pieces[number], len(options)))
        return "_".join(f"{index:0{self._digits}d}" for index in (*indices, repetition))


def _number(repetition: Any) -> int:
    value = value_of(repetition)
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ParameterError("repetition", f"is the number of a repetition, got {value!r}")
    return int(value.__index__())


class _Layout:
    """Where the parts of an id are in a config with certain keys; most configs share theirs."""

    __slots__ = ("in_config", "keys", "ordered", "repetition")

    def __init__(self, keys: list[Alias]) -> None:
        index_of = {key.value: index for index, key in enumerate(keys)}
        names = sorted(key.value for key in keys if not is_auxiliary(key))
        self.keys = keys
        places: list[Any] = [index_of[name] for name in names]
        if len(places) < 2:  # a slice, so that it is a tuple all the same
            places = [slice(place, place + 1) for place in places] or [slice(0)]
        self.ordered: Callable[[Pairs], Pairs] = itemgetter(*places)  # items in the order of their names
        self.in_config = sorted(
            zip(names, range(len(names)), strict=True), key=lambda each: index_of[each[0]]
        )
        self.repetition = index_of.get("repetition")


class _Values:
    """Texts of values that take time to be written; values of a grid recur in many configs."""

    def __init__(self, on_name: Callable[[str, str, bytes], object] | None) -> None:
        self._on_name = on_name
        self._texts: dict[int, tuple[Any, str]] = {}  # values are kept, so that no other gets their id
        self._chosen: dict[tuple[str, str], bytes] = {}

    def text(self, key: Alias, value: Any) -> str:
        """Return the text that represents a value of a parameter."""
        known = self._texts.get(id(value))
        if known is not None:
            return known[1]
        text = self._written(key.value, value)
        if isinstance(value, Alias):
            if len(self._texts) >= _MANY_VALUES:
                self._texts.clear()
            self._texts[id(value)] = (value, text)
        return text

    def _written(self, name: str, value: Any) -> str:
        written = form(value_of(value))
        lasting = as_alias(value).lasting_name
        if lasting is not None and self._on_name is not None:
            self._on_name(name, lasting, digest_of(written.text))
        if isinstance(value, Alias) and value.given:
            digest = digest_of(written.text)
            if self._chosen.setdefault((name, value.alias), digest) != digest:
                raise AliasError(name, value.alias)
            return f"A{string(value.alias)}"
        if written.vague:
            warn_vague(name, written.vague, value_of(value))
        return written.text


def warn_vague(name: str, kinds: tuple[str, ...], value: Any) -> None:
    """Warn that a value is identified by its text only."""
    warnings.warn(
        f"parameter {name!r}: objects of {', '.join(kinds)} are told apart by type and text alone, here "
        f"{display(value)[:80]!r}, as they cannot be written down; give each value a name: "
        "Alias(value, 'name')",
        stacklevel=4,
    )


_MANY = 64
_MANY_PIECES = 10_000
_MANY_VALUES = 10_000
