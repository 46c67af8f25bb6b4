"""The plan of a run: what it would do, computed without running anything."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from research_domain import Identifier

if TYPE_CHECKING:
    from research_runner.settings.values import RunSettings

_LOOK_AT: Final = 10_000
"""Configs that are looked at for duplicates."""


@dataclass(frozen=True, slots=True)
class ResearchPlan:
    """The plan of a run: its experiments and workers; ``print`` it.

    Parameters
    ----------
    configs, experiments, tasks : int or None
        Configs of the domain, experiments with all repetitions, and tasks of experiments that share a root;
        None if the domain is infinite.
    duplicates : int
        Experiments, among those that were looked at, whose config had come before.
    looked_at : int
        How many configs were looked at for duplicates.
    saved_root_runs : dict
        Root unit → how many of its runs sharing it between branches saves; None if unknown.
    devices : tuple of (str or None)
        Devices of each worker.
    iterations : int or None
        Of each experiment; None until a generator ends.
    entropy : int or list of int
        The seed; give it as `seed` to repeat the run.
    """

    configs: int | None
    experiments: int | None
    tasks: int | None
    duplicates: int
    looked_at: int
    saved_root_runs: dict[str, int | None]
    devices: tuple[str | None, ...]
    iterations: int | None
    entropy: Any

    def __str__(self) -> str:
        lines = [
            f"configs       {_number(self.configs)}",
            f"experiments   {_number(self.experiments)}, in {_number(self.tasks)} tasks",
            f"iterations    {'until a generator ends' if self.iterations is None else self.iterations}",
            f"duplicates    {self.duplicates} among the first {self.looked_at} experiments",
            f"workers       {len(self.devices)}",
        ]
        lines += [
            f"root          {name}: {_number(runs)} runs saved" for name, runs in self.saved_root_runs.items()
        ]
        if any(self.devices):
            lines += [
                f"worker {number:<7}{device or 'no device'}" for number, device in enumerate(self.devices)
            ]
        return "\n".join([*lines, f"seed          {self.entropy}"])


def _number(count: int | None) -> str:
    return "infinitely many" if count is None else f"{count:,}"


def look_ahead(settings: RunSettings) -> ResearchPlan:
    """Describe what a run with these settings would do; nothing is run, and only some configs are made."""
    domain = settings.iteration.prepare(settings.domain)
    experiments = domain.size
    tasks = None if experiments is None else -(-experiments // settings.branches)
    identifier = Identifier()
    occurrences = [identifier.identify(config).occurrence for config in islice(iter(domain), _LOOK_AT)]
    saved = None if experiments is None or tasks is None else experiments - tasks
    return ResearchPlan(
        configs=domain.len,
        experiments=experiments,
        tasks=tasks,
        duplicates=sum(occurrence > 0 for occurrence in occurrences),
        looked_at=len(occurrences),
        saved_root_runs={unit.name: saved for unit in settings.experiment.units if unit.root},
        devices=tuple(setup.device_names for setup in settings.setups),
        iterations=settings.n_iters,
        entropy=settings.iteration.seed,
    )
