"""A slot's equipment: devices, environment variables, and what it adds to configs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from research_domain import ConfigAlias
from research_runner.scheduling.tasks import ExperimentSpec

if TYPE_CHECKING:
    from research_runner.devices import WorkerRow


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What the worker in one slot has, and adds to its experiments."""

    # appended to the config of the experiment in that branch: what the branch and the worker were
    # given, and the device
    additions: tuple[ConfigAlias, ...]
    devices: WorkerRow = ()  # ids of the devices, as NVML knows them; for the memory check
    environment: Mapping[str, str] = field(default_factory=dict)  # environment variables of the worker
    # devices that an engine has to give to the worker, or a share of one; the engine chooses them
    gpus: float = 0

    def complete(self, spec: ExperimentSpec) -> ConfigAlias:
        """Return the config of an experiment with what this worker adds to it."""
        added = self.additions[spec.branch]
        return spec.config + added if added.pairs else spec.config

    @property
    def device_names(self) -> str | None:
        """Names of all devices in one text, for the record; None if none are known here."""
        if self.gpus:
            return None
        names = [name for branch in self.devices for name in branch if name is not None]
        return ", ".join(dict.fromkeys(names)) or None
