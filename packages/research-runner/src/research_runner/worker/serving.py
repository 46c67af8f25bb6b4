"""The loop of a worker: it takes tasks, runs them and reports events."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from threading import current_thread, main_thread
from typing import Any, Final

from research_experiment import Hook, Surroundings
from research_experiment.execution.settings import ExecutorSettings
from research_runner.pool.channel import Channel
from research_runner.scheduling.events import (
    OutputCaptured,
    TaskReturned,
    TaskStarted,
    WorkerLeaves,
    pack_report,
)
from research_runner.scheduling.tasks import Task, new
from research_runner.system.fail_points import ARMED, fail_point
from research_runner.system.libraries import SLOT_VARIABLE
from research_runner.worker.capturing import (
    branch_capture,
    process_capture,
    shared_targets,
    targets_of,
    task_label,
)
from research_runner.worker.children import told_children
from research_runner.worker.consulting import Consultant, WatchingSink
from research_runner.worker.logs import Diary, experiment_log, research_log
from research_runner.worker.output import STREAMS
from research_runner.worker.output.branches import BranchCapture
from research_runner.worker.plan import WorkerPlan
from research_runner.worker.reporting import EncodingSink, EndReporter, Outbox, Reporter, Timekeeper
from research_runner.worker.restoring import GarbageCollector, ProcessState, in_own_context
from research_runner.worker.restoring.parts import of_nobody
from research_runner.worker.script import routed_handlers, settle

_LONG_S: Final = 0.2
"""After a task that took longer, in seconds, the tasks sent ahead with it go back, for any free worker."""

_WHO: Final = itemgetter(0, 1)
"""Identity and config of the specification of an experiment."""

_ASK_EVERY_S: Final = 0.001
"""Tasks that take less together, in seconds, do not look for a request to stop, which costs a system call."""


class TaskRunner:
    """Runs tasks in this process, and makes it as it was before each.

    `answer` waits for whether the experiment of that id, which has reported, is to end. In a process that
    runs nothing but tasks every exception is a failure of a unit, and output is caught at the level of file
    descriptors.

    Attributes
    ----------
    lost : str or None
        What the process cannot restore; it is replaced after the task then.
    """

    lost: str | None = None

    def __init__(
        self,
        plan: WorkerPlan,
        slot: int,
        outbox: Outbox,
        answer: Callable[[str], bool],
        *,
        own_process: bool = True,
    ) -> None:
        self._plan = plan
        self._setup = plan.setups[slot]
        self._adds_nothing = not any(added.pairs for added in self._setup.additions)
        self._outbox = outbox
        self._own_process = own_process
        n_iters = plan.execution.n_iters or (1 if plan.experiment.only_callables else None)
        reporter = EndReporter if n_iters == 1 else Reporter
        self._reporter = reporter(outbox.add, plan.execution.retry_on, outbox.flush, outbox.hold)
        self._settings = self._compile(answer)
        self._output = process_capture(plan, slot) if own_process else None
        self._targets = shared_targets(plan)
        self._garbage = GarbageCollector()
        self._state: ProcessState | None = None
        if own_process:
            settle()

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Open logs and the capture of output for the time of the block."""
        plan = self._plan
        with ExitStack() as stack:
            if plan.log_level is not None and plan.folder is not None:
                if self._own_process:
                    stack.enter_context(research_log(plan.folder, plan.log_level))
                stack.enter_context(experiment_log(plan.path_of, plan.log_level))
            stack.enter_context(told_children(plan.arrival.data))
            if self._output is not None:
                stack.enter_context(self._output)
            elif not self._own_process and plan.catches_output:
                stack.enter_context(routed_handlers())
            yield

    def devices_are_free(self) -> str | None:
        """Wait for free memory on the devices; return why a task cannot begin, None if it can."""
        gate = self._plan.gate
        if gate is None:
            return None
        verdict = gate.wait(self._setup.devices)
        return None if verdict.passed else str(verdict)

    def run(self, task: Task) -> None:
        """Run a task to its end, with its output caught if the plan says so."""
        if self._state is None and current_thread() is main_thread():  # other threads leave the process alone
            output = self._output
            caught = {} if output is None else self._plan.redirects
            streams = tuple(fd for fd in STREAMS if not caught.get(fd))
            is_ours = of_nobody if output is None else output.is_ours
            self._state = ProcessState(own_process=self._own_process, streams=streams, is_ours=is_ours)
        if self._output is None:
            branches = branch_capture(self._plan)
            self._execute(task, branches)
        else:
            branches = None if len(task.experiments) == 1 else branch_capture(self._plan)
            label, targets = task_label(task), self._targets or targets_of(self._plan, task)
            output = self._output
            output.begin(label, targets)
            try:
                self._execute(task, branches)
            finally:
                captured = output.end()
            for fd, kept in captured.items():
                if kept.text:
                    self._hand_over(label, fd, kept.text)
        if branches is not None:
            for (experiment_id, fd), text in branches.finish().items():
                if text:
                    self._hand_over(experiment_id, fd, text)

    def _hand_over(self, experiment_id: str, fd: int, text: str) -> None:
        self._outbox.add(OutputCaptured(experiment_id, STREAMS[fd], text))

    def _compile(self, answer: Callable[[str], bool]) -> ExecutorSettings:
        """Compile the plan, once for all tasks."""
        plan, execution = self._plan, self._plan.execution
        sink, hooks = EncodingSink(self._outbox.add, plan.encode, execution.show), self._hooks()
        if plan.watch is not None:
            sink = watching = WatchingSink(self._outbox.add, plan.encode, execution.show, plan.watch)
            hooks = (Consultant(plan.watch, watching, self._outbox, answer), *hooks)
        results: dict[str, Any] = {} if plan.results is None else {"results": plan.results}
        return ExecutorSettings.parse(
            plan.experiment,
            target=execution.target,
            n_iters=execution.n_iters,
            finalize=execution.finalize,
            debug=execution.debug,
            sink=sink,
            hooks=hooks,
            surroundings=Surroundings(
                plan.entropy, plan.path_of, seed_globals=execution.seed_globals, **results
            ),
            catch=(BaseException, KeyboardInterrupt) if self._own_process else (BaseException,),
            flush_every_s=execution.flush_every_s,
            profile=execution.profile,
        )

    def _hooks(self) -> tuple[Hook, ...]:
        hooks: list[Hook] = [self._reporter]
        limits_s = self._plan.time_limits_s
        if limits_s:
            hooks.append(Timekeeper(self._outbox, limits_s))
        if self._plan.log_level is not None and self._plan.folder is not None:
            hooks.append(Diary())
        return (*hooks, *self._plan.execution.hooks)

    def _execute(self, task: Task, capture: BranchCapture | None) -> None:
        if self._adds_nothing:
            experiments = list(map(_WHO, task.experiments))
        else:
            experiments = [(spec.identity, self._setup.complete(spec)) for spec in task.experiments]
        try:
            self._reporter.begin()
            executor = self._plan.execution.executor_class.of(
                self._settings, experiments, root=task.root, capture=capture
            )
            in_own_context(executor.run)
            executor.forget()
            del executor  # its objects go, while output is still caught
        finally:
            state = self._state
            if state is not None:
                state.restore()
                self.lost = state.lost
        self._garbage.collect_if_grown()

    def close(self) -> None:
        """Let the process be as it is from now on."""
        if self._state is not None:
            self._state.close()
            self._state = None


@dataclass(frozen=True, slots=True)
class Serve:
    """Serves tasks in a worker process until the coordinator stops it."""

    plan: WorkerPlan

    def __call__(self, channel: Channel) -> None:
        """Run tasks as they come; each is acknowledged before the next begins."""
        outbox = Outbox(lambda events: channel.send(pack_report(events)))
        runner = TaskRunner(self.plan, int(os.environ[SLOT_VARIABLE]), outbox, channel.answer)
        with runner.prepared():
            while True:
                tasks, unasked_s = iter(channel.recv()), 0.0
                for packed in tasks:
                    elapsed_s = self._serve(Task.unpack(packed), runner, outbox)
                    unasked_s += elapsed_s
                    if unasked_s > _ASK_EVERY_S:
                        unasked_s = 0.0
                        if channel.is_stopping():
                            outbox.flush()
                            return
                    lost = runner.lost
                    if elapsed_s > _LONG_S or lost is not None:
                        for other in tasks:
                            outbox.add(TaskReturned(Task.unpack(other).index))
                    if lost is not None:
                        outbox.add(WorkerLeaves(lost))
                        outbox.flush()
                        return
                is_stopping = channel.is_stopping()
                if is_stopping or not channel.poll(0):
                    outbox.flush()
                if is_stopping:
                    return

    def _serve(self, task: Task, runner: TaskRunner, outbox: Outbox) -> float:
        """Run a task; return how long it took, in seconds."""
        reason = None if self.plan.gate is None else runner.devices_are_free()
        if reason is not None:
            outbox.add(TaskReturned(task.index, reason))
            return 0.0
        if ARMED:
            fail_point("task-taken")
        outbox.flush(new(TaskStarted, (task.index, time.time())))
        if ARMED:
            fail_point("task-announced")
        begun = time.perf_counter()
        runner.run(task)
        if ARMED:
            fail_point("task-run")
        elapsed_s = time.perf_counter() - begun
        outbox.end(task.index, elapsed_s)
        return elapsed_s
