"""A running task: its root, branches and contexts, and its watchers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import copy_context
from copy import copy
from dataclasses import dataclass, field
from threading import RLock
from typing import Any
from weakref import ref

from research_domain import Alias, ConfigAlias
from research_domain.config import overlap
from research_domain.identity import Identity
from research_experiment.building._checks import differing_keys
from research_experiment.capture import Capture, Streams, activate
from research_experiment.execution._branch import Branch, Root, Stage
from research_experiment.execution._program import Action, Program, Watch, compile_plan
from research_experiment.execution._rules import Rules, tell
from research_experiment.execution.global_random import Turns, global_seed, seed_globals
from research_experiment.execution.running import RunningExperiment, Surroundings
from research_experiment.execution.saved_values import ExperimentStorage
from research_experiment.plan import ExperimentPlan
from research_experiment.profiling import Profile
from research_experiment.protocols import Sink


@dataclass(frozen=True, slots=True)
class TaskKind:
    """What does not change from one task of a plan to the next; `profile` says how much is measured."""

    plan: ExperimentPlan
    rules: Rules
    surroundings: Surroundings
    profile: int = 0
    program: Program = field(init=False)
    is_watched: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "program", compile_plan(self.plan))
        told = self.rules.listeners["calling"] or self.rules.listeners["called"]
        object.__setattr__(self, "is_watched", bool(told or self.profile))


class RootStorage(ExperimentStorage):
    """The storage of a root: what it saves is saved for every branch of the task that still runs units."""

    __slots__ = ("_branches",)

    def __init__(self, experiment_id: str, branches: Iterable[RunningExperiment]) -> None:
        super().__init__(experiment_id)
        self._branches = tuple(branches)

    def update_variable(self, name: str, value: Any) -> None:
        """Save a value of a variable under the current iteration of every branch."""
        for branch in self._branches:
            if branch.progress.open:
                branch.storage.update_variable(name, value)


class RunningTask:
    """The branches of an executor, in order, and the root that they share.

    The random stream of the root derives from the identity `root`, by default from that of the surroundings.
    """

    __slots__ = ("_capture", "_kind", "branches", "root")

    def __init__(
        self,
        kind: TaskKind,
        experiments: Sequence[tuple[Identity, ConfigAlias]],
        sink: Sink | None,
        capture: Capture | None = None,
        root: Identity | None = None,
    ) -> None:
        self._kind, self._capture = kind, capture
        program, rules, surroundings = kind.program, kind.rules, kind.surroundings
        branches: list[Branch] = []
        for identity, config in experiments:
            storage = ExperimentStorage(identity.id, sink)
            one = RunningExperiment(identity, len(branches), config, storage, surroundings, program.units)
            branches.append(Branch(one, (one,), None, program.branch, rules, kind.plan))
        self.branches = tuple(branches)
        if len(branches) > 1:
            weak = [ref(branch.running) for branch in branches]
            for branch in branches:
                branch.running.share_task(weak)
        if kind.is_watched:
            self._watch_all()
        self.root = self._make_root(root) if kind.plan.has_root else None

    def _watch_all(self) -> None:
        turn = RLock()
        for branch in self.branches:
            if self._kind.profile:
                branch.running.progress.profile = Profile(self._kind.profile, turn)
            branch.watch = self._watch(branch.running)

    def _make_root(self, identity: Identity | None) -> Root:
        kind, branches = self._kind, [branch.running for branch in self.branches]
        first = branches[0]
        running = RunningExperiment(
            _root_identity(identity or kind.surroundings.root or first.identity),
            None,
            _common_config([one.recorded_config for one in branches]),
            RootStorage(first.id, branches),
            kind.surroundings,
            kind.program.root_units,
        )
        running.share_task([ref(branch) for branch in branches])
        running.progress.profile = first.progress.profile  # the root's time was spent once
        for one in (running, *branches):
            one.progress.root_ran = running.progress.ran
        watch = self._watch(running) if kind.is_watched else None
        owners = (running, *branches)
        return Root(running, owners, watch, kind.program.root, kind.rules, kind.plan, self.branches)

    def _watch(self, running: RunningExperiment) -> Watch:
        rules, profile = self._kind.rules, running.progress.profile
        calling, called = rules.listeners["calling"], rules.listeners["called"]

        def watch(unit: str, action: Action) -> Action:
            measured = profile.watch(unit, action, lambda: running.iteration)
            return _told(running, calling, called, unit, measured) if calling or called else measured

        return watch

    def start(self, *, in_turn: bool = True) -> None:
        """Prepare all contexts and create all instances, those of the root first.

        In turn, each branch has a stream of global random numbers of its own, as the root has; branches that
        run at the same time share one.
        """
        branches, root, surroundings = self.branches, self.root, self._kind.surroundings
        is_single = len(branches) == 1
        started = self._kind.rules.listeners["started"]
        has_stages = self._capture is not None or not is_single
        if has_stages or started:
            for branch in branches:
                if has_stages:
                    self._set_stage(branch, (branch.running.id,))
                tell(started, branch.running)
            if has_stages and root is not None:
                self._set_stage(root, tuple(branch.running.id for branch in branches))
        if surroundings.seed_globals:
            if not in_turn or (is_single and root is None):  # they share a stream
                seed_globals(global_seed(surroundings.entropy, branches[0].running.identity.digest))
            else:
                turns = Turns(surroundings.entropy)
                for branch in branches if root is None else (*branches, root):
                    branch.turns = turns
        instances = self._kind.program.instances
        if not instances:
            return
        if root is not None:
            root.make_instances(instances)
        for branch in branches:
            branch.make_instances(instances)

    def close(self) -> None:
        """Close all branches, also interrupted ones, and finally the root."""
        for branch in self.branches:
            if not branch.running.progress.ended:
                branch.abandon()
        if self.root is not None:
            self.root.close()

    def _set_stage(self, branch: Branch, ids: tuple[str, ...]) -> None:
        capture = self._capture
        branch.stage = Stage(copy_context(), Streams() if capture is None else capture.streams(ids))
        branch.enter(activate, branch.stage.streams)


def _root_identity(first: Identity) -> Identity:
    """Return the identity of the root, which has its own random stream."""
    return Identity(first.id, bytes(255 - byte for byte in first.digest), first.repetition, first.occurrence)


def _common_config(configs: Sequence[ConfigAlias]) -> ConfigAlias:
    """Return the config that all branches agree upon."""
    differing = differing_keys(configs) if len(configs) > 1 else set()
    pairs = []
    for key, value in configs[0].pairs:
        name = key.value
        inside = {other[len(name) + 1 :] for other in differing if other.startswith(f"{name}/")}
        if any(overlap(name, other) for other in differing if not other.startswith(f"{name}/")):
            continue
        if inside:
            value = _without(value.value if isinstance(value, Alias) else value, inside)
        if not inside or value:
            pairs.append((key, value))
    return ConfigAlias(pairs)


def _without(value: Mapping[str, Any], paths: set[str]) -> Any:
    """Return a copy of a mapping without the values at some paths."""
    twin: Any = copy(value)
    for key, item in value.items():
        inside = {path[len(key) + 1 :] for path in paths if path.startswith(f"{key}/")}
        left = _without(item, inside) if inside and key not in paths else item
        if key in paths or (inside and not left):
            del twin[key]
        elif inside:
            twin[key] = left
    return twin


def _told(
    running: RunningExperiment,
    calling: Sequence[Callable[..., None]],
    called: Sequence[Callable[..., None]],
    unit: str,
    action: Action,
) -> Action:
    """Tell the hooks about each call of a unit."""

    def told() -> None:
        tell(calling, running, unit)
        started_s = time.perf_counter()
        try:
            action()
        finally:
            tell(called, running, unit, started_s, time.perf_counter() - started_s)

    return told
