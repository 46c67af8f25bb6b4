"""Identity: who an experiment is, from what it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from research_domain.alias import AUXILIARY_KEYS
from research_domain.errors import ParameterError

if TYPE_CHECKING:
    from research_domain.alias import ConfigAlias

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
        names = config.alias()
        repetition = int(names.get("repetition", 0))
        for key in AUXILIARY_KEYS:
            names.pop(key, None)
        text = _stable("-".join([f"{key}_{names[key]}" for key in sorted(names)]))
        content = self._sha256(text.encode())
        name = f"{content.hexdigest()[:8]}-{repetition}"
        occurrence = self._seen.get(name, 0)
        self._seen[name] = occurrence + 1
        content.update(f"\n{repetition}\n{occurrence}".encode())
        if occurrence:
            name = f"{name}-{occurrence}"
        prefix = self._prefix(names, repetition) if self._digits else config.prefix
        return Identity(f"{prefix}_{name}" if prefix else name, content.digest(), repetition, occurrence)

    def _prefix(self, names: dict[str, str], repetition: int) -> str:
        indices = []
        for key, name in names.items():
            options = self._options.setdefault(key, {})
            indices.append(options.setdefault(name, len(options)))
        return "_".join(f"{index:0{self._digits}d}" for index in (*indices, repetition))


def _stable(text: str) -> str:
    """Drop the addresses of objects without a name of their own: they differ from run to run."""
    if " at 0x" not in text:
        return text
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
