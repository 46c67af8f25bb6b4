"""Resuming: which experiments an earlier run left, and what is kept of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from research_domain import Domain, DomainError, Identifier, digest
from research_experiment import Storage
from research_runner.errors import ChangedError, OptionError
from research_runner.recording.code import RunCode
from research_runner.recording.fingerprints import (
    changed_units,
    rule_fingerprints,
    unit_fingerprints,
    update_fingerprints,
)
from research_runner.recording.folder import folders_of_experiments, set_aside
from research_runner.recording.helpers import changed_helpers
from research_runner.scheduling.source import IterationOptions
from research_runner.settings.values import Resume, RunSettings

_LONGEST: Final = 100_000
_LONGEST_TEXT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Past:
    """The experiments of an earlier run."""

    statuses: Mapping[str, str]  # experiment id → status, of those that nobody has removed
    resume: Resume  # how to go on
    ids: Mapping[bytes, str] = field(default_factory=dict)  # digest of an experiment → experiment id
    # parameter and lasting name of a value → the digests of the values that had it
    named: Mapping[tuple[str, str], frozenset[bytes]] = field(default_factory=dict)
    # experiment id → status, of those that somebody has removed: they do not run again
    removed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, storage: Storage | None, resume: Resume | None) -> Self:
        """Return what a storage holds of an earlier run; nothing if there is none."""
        if storage is None:
            return cls({}, resume or Resume())
        statuses = dict(storage.statuses())
        hidden = getattr(storage, "removed", ())  # not every storage lets people remove anything
        removed = {each: statuses.pop(each) for each in hidden if each in statuses}
        return cls(statuses, resume or Resume(), storage.digests(), storage.named_values(), removed)

    def identifier(self, create_id_prefix: bool | int) -> Identifier:
        """Return an identifier that keeps the ids of experiments and refuses values that have changed."""
        return Identifier(create_id_prefix, self.ids, self.check_value)

    def check_values(self, domain: Domain) -> None:
        """Refuse a domain with values that have changed under their names."""
        changes = {
            _changed(parameter, str(alias.lasting_name)): None
            for parameter, alias in domain.named_values()
            if not self._is_known(parameter, str(alias.lasting_name), digest(alias.value))
        }
        if changes:
            raise ChangedError(tuple(changes))

    def check_value(self, parameter: str, name: str, value_digest: bytes) -> None:
        """Refuse a value that has changed under its name."""
        if not self._is_known(parameter, name, value_digest):
            raise ChangedError((_changed(parameter, name),))

    def _is_known(self, parameter: str, name: str, value_digest: bytes) -> bool:
        """Whether a value is what it was, or there was none of that name."""
        before = self.named.get((parameter, name))
        return self.resume.force or before is None or value_digest in before

    def keeps(self, experiment_id: str) -> bool:
        """Whether an experiment is kept as it is."""
        status = self.statuses.get(experiment_id)
        has_ended = status == "done" or (status == "failed" and not self.resume.retry_failed)
        return has_ended or experiment_id in self.removed

    @property
    def known(self) -> int:
        """How many experiments an earlier run had taken from the domain."""
        return len(self.statuses) + len(self.removed)

    @property
    def unseen(self) -> tuple[int, int]:
        """How many experiments that were removed are done, and how many have failed."""
        states = list(self.removed.values())
        return states.count("done"), states.count("failed")

    @property
    def done(self) -> int:
        """How many experiments are kept as done."""
        return sum(status == "done" for status in self.statuses.values())

    @property
    def failed(self) -> int:
        """How many experiments are kept as failed."""
        return sum(status == "failed" and self.keeps(each) for each, status in self.statuses.items())

    def clear_up(self, storage: Storage) -> None:
        """Queue the experiments that start again, and move all files away that are not of kept ones."""
        kept = {experiment_id for experiment_id in self.statuses if self.keeps(experiment_id)}
        with storage.transaction():
            for experiment_id in self.statuses:
                if experiment_id not in kept:
                    storage.mark(experiment_id, "queued")
        if storage.path is not None:
            for experiment_id in folders_of_experiments(storage.path):
                if experiment_id not in kept and experiment_id not in self.removed:
                    set_aside(storage.path, experiment_id)


def _changed(parameter: str, name: str) -> str:
    return f"the value {name!r} of parameter {parameter!r} has changed"


def continued(settings: RunSettings, code: RunCode, meta: Mapping[str, Any]) -> IterationOptions:
    """Return how a resumed run takes configs from the domain: with the seed of the earlier run.

    Raises `OptionError` if another seed was asked for, and `ChangedError` if units, what they use, the update
    of the domain, the number of iterations or `seed_globals` have changed and that was not forced.
    """
    iteration, resume, entropy = settings.iteration, settings.resume, meta.get("entropy")
    if iteration.seed_given and iteration.seed != entropy:
        raise OptionError(
            "seed", f"the research was begun with the seed {entropy!r}; leave the seed out, or give that one"
        )
    updates = update_fingerprints(settings.domain)
    changed = changed_units(meta.get("units", {}), unit_fingerprints(settings.experiment))
    changed += changed_units(meta.get("updates", updates), updates)
    changed += changed_units(meta.get("rules", {}), rule_fingerprints(settings.deciding))
    changed += changed_helpers(meta.get("helpers", {}), code.helpers)
    for option, now in (("n_iters", settings.n_iters), ("seed_globals", settings.execution.seed_globals)):
        before = meta.get("options", {}).get(option, now)
        if before != now:
            changed += (f"{option} was {before} and is {now}",)
    if changed and not (resume is not None and resume.force):
        raise ChangedError(changed)
    return replace(iteration, seed=entropy, seed_given=meta.get("seed_given", iteration.seed_given))


def describe(settings: RunSettings) -> dict[str, Any]:
    """Return the record of a run that a resume compares with: plain JSON values."""
    return {
        "entropy": settings.iteration.seed,
        "seed_given": settings.iteration.seed_given,
        "options": describe_options(settings),
        "units": unit_fingerprints(settings.experiment),
        "updates": update_fingerprints(settings.domain),
        "rules": rule_fingerprints(settings.deciding),
    }


def describe_options(settings: RunSettings) -> dict[str, Any]:
    """Return how a run goes through its domain, as plain JSON values."""
    params = settings.iteration.prepare(settings.domain).iter_params
    return {
        "n_configs": params.n_items,
        "n_reps": params.n_reps,
        "repeat_each": params.repeat_each,
        "n_iters": settings.n_iters,
        "workers": len(settings.setups),
        "branches": settings.branches,
        "executor_target": settings.execution.target,
        "finalize": settings.execution.finalize,
        "seed_globals": settings.execution.seed_globals,
        "start_method": settings.start_method if settings.is_parallel else None,
    }


def describe_domain(domain: Domain) -> dict[str, Any]:
    """Return the record of a domain: the beginning of its text, and its spec unless it is long.

    Examples
    --------
    >>> describe_domain(Domain(lr=[0.1, 0.01]))
    {'text': 'Domain(lr=[0.1, 0.01])', 'spec': {'lr': [0.1, 0.01]}}
    >>> describe_domain(Domain(f=[len]))
    {'text': 'Domain(f=[len])'}
    """
    described: dict[str, Any] = {"text": str(domain)[:_LONGEST_TEXT]}
    try:
        spec = domain.to_spec()
        if len(json.dumps(spec)) <= _LONGEST:
            described["spec"] = spec
    except (DomainError, TypeError, ValueError):  # of something that is no plain data
        pass
    return described
