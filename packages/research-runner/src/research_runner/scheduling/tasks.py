"""Tasks: experiments that share a root and run together in one worker."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from research_domain import ConfigAlias
from research_domain.alias import is_auxiliary
from research_domain.identity import Identity


class ExperimentSpec(NamedTuple):
    """One experiment to run."""

    identity: Identity  # its id and what its random stream derives from
    config: ConfigAlias  # its config as the domain gave it
    index: int  # type: ignore[assignment]  # its number in the order of the domain, from 0
    branch: int = 0  # its number among the branches of its task, from 0


class Task(NamedTuple):
    """A root with its branches."""

    index: int  # type: ignore[assignment]
    experiments: tuple[ExperimentSpec, ...]  # the branches that are to be run
    # identity of the first branch, also where it is not run again: the random stream of the root
    # derives from it
    root: Identity

    def pack(self) -> tuple[Any, ...]:
        """Return the task as plain tuples, which pickle several times as fast."""
        root = self.root
        return (
            self.index,
            tuple(root),
            [
                (
                    None if identity is root else tuple(identity),
                    # as it is what has a prefix, or stands for a config on the way
                    config.pairs if type(config) is ConfigAlias and not config.prefix else config,
                    index,
                    branch,
                )
                for identity, config, index, branch in self.experiments
            ],
        )

    @classmethod
    def unpack(cls, packed: tuple[Any, ...]) -> Task:
        """Return the task of packed tuples."""
        index, fields, experiments = packed
        root = new(Identity, fields)
        specs = []
        for own, config, number, branch in experiments:
            identity = root if own is None else new(Identity, own)
            config = ConfigAlias.of_pairs(config) if type(config) is tuple else config
            specs.append(new(ExperimentSpec, (identity, config, number, branch)))
        task: Task = new(cls, (index, tuple(specs), root))
        return task


new: Final[Any] = tuple.__new__
"""Makes a named tuple of a type and a tuple of all fields, in half the time that a call of the type takes."""


def plain(config: ConfigAlias) -> ConfigAlias:
    """Return a config without what says how it is run."""
    return ConfigAlias.of_pairs(tuple(pair for pair in config.pairs if not is_auxiliary(pair[0])))
