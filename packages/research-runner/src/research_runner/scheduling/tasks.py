"""Tasks: experiments that share a root and run together in one worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from research_domain import ConfigAlias
from research_domain.identity import Identity

__all__ = ["ExperimentSpec", "Task"]


@dataclass(frozen=True, slots=True)
class ExperimentSpec:
    """One experiment to run.

    Parameters
    ----------
    identity : Identity
        Its id and what its random stream derives from.
    config : ConfigAlias
        Its config as the domain gave it.
    index : int
        Its number in the order of the domain, from 0.
    branch : int
        Its number among the branches of its task, from 0.
    """

    identity: Identity
    config: ConfigAlias
    index: int
    branch: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """A root with its branches.

    Parameters
    ----------
    index : int
        Number of the task.
    experiments : tuple of ExperimentSpec
        The branches that are to be run.
    root : Identity
        Identity of the first branch, also where it is not run again: the random stream of the root derives
        from it.
    """

    index: int
    experiments: tuple[ExperimentSpec, ...]
    root: Identity

    def pack(self) -> tuple[Any, ...]:
        """Return the task as plain tuples and configs, which pickle several times as fast."""
        return (
            self.index,
            _identity_fields(self.root),
            [
                (*_identity_fields(spec.identity), spec.config, spec.index, spec.branch)
                for spec in self.experiments
            ],
        )

    @classmethod
    def unpack(cls, packed: tuple[Any, ...]) -> Task:
        """Return the task of packed tuples."""
        index, root, experiments = packed
        specs = tuple(ExperimentSpec(Identity(*each[:4]), *each[4:]) for each in experiments)
        return cls(index, specs, Identity(*root))


def _identity_fields(identity: Identity) -> tuple[str, bytes, int, int]:
    return identity.id, identity.digest, identity.repetition, identity.occurrence
