"""Identity: who an experiment is, from what it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from research_domain.alias import AUXILIARY_KEYS, PLAIN, name_of, value_of
from research_domain.errors import ParameterError

if TYPE_CHECKING:
    from research_domain.alias import Alias, ConfigAlias, Pairs

__all__ = ["Identifier", "Identity"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an experiment is.

    Parameters
    ----------
    id : str
        Name of the experiment: optional prefix, 8 hex digits of the hash of the config's aliases,
        the repetition, and the occurrence if it is not the first.
    digest : bytes, length 32
        Hash of aliases, repetition and occurrence; random streams derive from it.
    repetition : int
        Number of the repetition.
    occurrence : int
        How many experiments before this one had the same hash and repetition.
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

    Examples
    --------
    >>> from research_domain import ConfigAlias
    >>> identifier = Identifier()
    >>> identifier.identify(ConfigAlias({'a': 1, 'repetition': 0})).id
    '1426674c-0'
    >>> identifier.identify(ConfigAlias({'a': 1, 'repetition': 0})).id
    '1426674c-0-1'
    """

    def __init__(self, create_id_prefix: bool | int = False) -> None:
        import hashlib  # late, as it takes longer than the rest of this package

        if create_id_prefix < 0:
            raise ParameterError(
                "create_id_prefix", f"got {create_id_prefix!r}; use True, False or a number of digits"
            )
        self._digits = int(create_id_prefix)
        self._seen: dict[str, int] = {}
        self._sha256 = hashlib.sha256
        self._options: dict[str, dict[str, int]] = {}
        self._layouts: dict[tuple[int, int], _Layout] = {}

    def identify(self, config: ConfigAlias) -> Identity:
        """Return the identity of the next experiment.

        Parameters
        ----------
        config : ConfigAlias
            Its config; what is under 'device' and 'updates' does not matter.

        Returns
        -------
        Identity
        """
        pairs = config.pairs
        layout = self._layout(pairs)
        text = "-".join(
            [
                start + (str(value) if type(value := pairs[position][1]) in PLAIN else name_of(value))
                for start, position in layout.order
            ]
        )
        if " at 0x" in text:
            text = _stable(text)
        repetition = 0 if layout.repetition is None else int(value_of(pairs[layout.repetition][1]))
        content = self._sha256(text.encode("utf-8", "surrogatepass"))
        name = f"{content.hexdigest()[:8]}-{repetition}"
        occurrence = self._seen.get(name, 0)
        self._seen[name] = occurrence + 1
        content.update(f"\n{repetition}\n{occurrence}".encode())
        if occurrence:
            name = f"{name}-{occurrence}"
        prefix = self._prefix(config, repetition) if self._digits else config.prefix
        return Identity(f"{prefix}_{name}" if prefix else name, content.digest(), repetition, occurrence)

    def _layout(self, pairs: Pairs) -> _Layout:
        keys = [key for key, _ in pairs]
        mark = (id(keys[0]), len(keys)) if keys else (0, 0)
        layout = self._layouts.get(mark)
        if layout is None or layout.keys != keys:
            if len(self._layouts) >= _MANY:
                self._layouts.clear()
            layout = self._layouts[mark] = _Layout(keys)
        return layout

    def _prefix(self, config: ConfigAlias, repetition: int) -> str:
        indices = []
        for key, name in config.alias().items():
            if key not in AUXILIARY_KEYS:
                options = self._options.setdefault(key, {})
                indices.append(options.setdefault(name, len(options)))
        return "_".join(f"{index:0{self._digits}d}" for index in (*indices, repetition))


class _Layout:
    """Where the parts of an id are in a config with certain keys; most configs share theirs."""

    __slots__ = ("keys", "order", "repetition")

    def __init__(self, keys: list[Alias]) -> None:
        index_of = {key.alias: index for index, key in enumerate(keys)}
        self.keys = keys
        self.order = [(f"{name}_", index_of[name]) for name in sorted(index_of) if name not in AUXILIARY_KEYS]
        self.repetition = index_of.get("repetition")


_MANY = 64


def _stable(text: str) -> str:
    """Drop the addresses of objects without a name of their own: they differ from run to run."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
