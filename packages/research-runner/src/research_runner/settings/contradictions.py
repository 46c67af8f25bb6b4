"""Contradictions between parameters of `Research.run`, and runs that would do nothing."""

from __future__ import annotations

import difflib
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from research_domain.config import overlap
from research_experiment import Executor, ExperimentPlan
from research_runner.backends.protocol import BackendFactory, Capabilities
from research_runner.devices import split_devices
from research_runner.errors import OptionError
from research_runner.scheduling.source import may_end, overlapping
from research_runner.settings.parameters import DEFAULTS, Options
from research_runner.settings.values import Study
from research_runner.system.console import ResearchWarning

_Complaints: TypeAlias = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The requested run: parameters that are valid by themselves."""

    study: Study
    options: Options
    backend: BackendFactory  # the one that was given, or that of this machine

    @property
    def is_parallel(self) -> bool:
        """Whether tasks run in other processes."""
        return self.backend.capabilities.parallel

    def gives(self, option: str) -> bool:
        """Whether a parameter is not what it is by default."""
        return bool(self.options[option] != DEFAULTS[option])


def check_together(request: RunRequest) -> None:
    """Refuse a parameter that would be ignored because of another one."""
    for check in _CHECKS:
        for option, reason in check(request):
            raise OptionError(option, reason)


def _inline(request: RunRequest) -> _Complaints:
    """Without worker processes there is one worker, which is this process and lives on."""
    if request.is_parallel:
        return
    options = request.options
    workers = options["workers"]
    if len(workers) > 1 and any(config.full_keys for config in workers):
        yield "workers", f"{len(workers)} configs of workers, but parallel=False has one worker"
    if request.gives("start_method"):
        yield "start_method", "no process is started with parallel=False"
    if options["tasks_per_worker"] not in (None, math.inf):
        yield "tasks_per_worker", "this process cannot be replaced: use parallel=True"
    killable = "needs a worker process that can be killed: use parallel=True"
    if options["timeout"] is not None:
        yield "timeout", killable
    for unit in request.study.experiment.units:
        if getattr(unit, "timeout_s", None) is not None:
            yield "timeout", f"unit {unit.name!r} {killable}"


def _processes(request: RunRequest) -> _Complaints:
    """Options for processes fit the processes that there are."""
    options = request.options
    if request.is_parallel and not options["parallel"]:
        yield "backend", "it runs in other processes, and parallel=False forbids them"
    if options["threads"] is not None and (not request.is_parallel or options["start_method"] == "fork"):
        yield "threads", "this process has imported its libraries: use worker processes that are not forked"
    if options["debug"] and (request.is_parallel or options["executor_target"] != "for"):
        yield ("debug", "exceptions reach the caller only with parallel=False and executor_target='for'")


def _memory(request: RunRequest) -> _Complaints:
    """Without a folder there are no files, and nothing to continue."""
    options = request.options
    if options["dump_results"]:
        return
    if options["loglevel"] is not None:
        yield "loglevel", "log files are in the folder of a research: use dump_results=True"
    for option in ("redirect_stdout", "redirect_stderr"):
        mode = options[option]
        if mode in (1, 3) and mode is not True:
            yield (
                option,
                f"{mode!r} needs the common file of dump_results=True; use 0, 2 or True without it",
            )
    if options["resume"]:
        yield "resume", "results in memory end with their process: use dump_results=True"


def _folder(request: RunRequest) -> _Complaints:
    """A storage that was asked for is used, and what is removed is not gone on with."""
    options = request.options
    if options["storage"] == "memory":
        yield "storage", "results stay in memory by dump_results=False"
    elif options["storage"] is not None and not options["dump_results"]:
        yield "storage", "dump_results=False keeps results in memory: give one of both"
    if options["overwrite"] and not options["dump_results"]:
        yield "overwrite", "results in memory are in nobody's place: use dump_results=True"
    if options["overwrite"] and options["resume"]:
        yield "overwrite", "resume goes on with the folder that would be removed: give one of both"
    if options["retry_failed"] and not options["resume"]:
        yield "retry_failed", "only makes sense with resume=True"


def _show(request: RunRequest) -> _Complaints:
    """What is shown has to be saved."""
    show = request.options["show"]
    if show is not None and (
        unsaved := why_unsaved(show, request.study.experiment, request.options["executor_class"])
    ):
        yield "show", unsaved


def why_unsaved(name: str, experiment: ExperimentPlan, executor_class: type[Executor]) -> str | None:
    """Return an error text if no unit saves a variable; None if one does, or if that is unknown."""
    variables = experiment.variables
    if variables is None or name in variables or executor_class is not Executor:
        return None  # an executor of somebody else's may save what it likes
    close = difflib.get_close_matches(name, variables, 1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    names = ", ".join(map(repr, sorted(variables))) or "none"
    return f"no unit saves a variable {name!r}{hint}; those that are saved are: {names}"


def _stop(request: RunRequest) -> _Complaints:
    """What ends experiments early needs experiments that could go on, and something that decides."""
    options = request.options
    if options["stop"] is None and options["search"] is None:
        for option in ("slots", "order"):
            if request.gives(option):
                yield option, "nothing is ordered without search=... or stop=..."
        if "steps" in (options["budget"] or ()):
            yield "budget", "steps are counted with search=... or stop=...: give seconds, or n_configs"
    if options["order"] == "arrival" and request.gives("slots"):
        yield "slots", "order='arrival' has none: what has ended counts at once"
    n_iters = options["n_iters"]
    has_one = n_iters == 1 or (n_iters is None and request.study.experiment.only_callables)
    if options["stop"] is not None and has_one:
        yield (
            "stop",
            "experiments have one iteration, after which they end anyway; give n_iters=... or a generator",
        )


def _search(request: RunRequest) -> _Complaints:
    """A search decides on configs and on ends alone."""
    if request.options["search"] is None:
        return
    study = request.study
    if request.options["stop"] is not None:
        yield "stop", "a search decides on ends as well: give it the rule, as in search=TPE('loss', stop=...)"
    if study.domain.update_rule is not None:
        yield "search", "update_domain(...) decides on configs as well: give one of both"
    repeat_each = study.iteration.prepare(study.domain).iter_params.repeat_each
    if repeat_each is not None:
        yield "search", f"repeat_each={repeat_each} is for walks through the domain: give n_reps alone"


def _devices(request: RunRequest) -> _Complaints:
    """Options of devices need devices."""
    devices, gpus = request.options["devices"], request.backend.capabilities.gpus
    if request.options["memory_ratio"] is None:
        for option in ("n_gpu_checks", "gpu_check_delay"):
            if request.gives(option):
                yield option, "nothing is checked without memory_ratio"
    elif devices is None and not gpus:
        yield "memory_ratio", "there is no device whose memory could be asked for: give devices=..."
    if devices is None or not request.backend.capabilities.chooses_devices:
        return
    if gpus:
        yield "devices", f"the backend was told that each worker has {gpus:g} already: give one of both"
    grid = split_devices(devices, len(request.options["workers"]), len(request.options["branches"]))
    for name in grid.ids:
        if not name.isdigit():
            yield (
                "devices",
                f"an engine chooses the devices, {name!r} cannot be asked for: give numbers or shares",
            )


def check_purpose(name: str, experiment: ExperimentPlan) -> None:
    """Refuse a run that has nothing to do, and warn of one that leaves nothing."""
    if not experiment.units:
        raise OptionError(
            "experiment",
            f"research {name!r} has no units, and there is nothing to run: add some, such as "
            "add_callable('name', function, x=EC('x'), save_to='y')",
        )
    if not experiment.leaves_something:
        units = ", ".join(repr(unit.name) for unit in experiment.units)
        warnings.warn(
            f"no unit of research {name!r} saves anything ({units}), and its results will have no "
            "values: give one save_to='y', or use save(O('unit'), 'y'), EP(), S() or E()",
            ResearchWarning,
            stacklevel=4,
        )


def gives_devices(options: Options, capabilities: Capabilities) -> bool:
    """Whether experiments are told their devices."""
    return options["devices"] is not None or bool(capabilities.gpus)


def added_keys(options: Options, capabilities: Capabilities) -> list[tuple[str, str]]:
    """Return the option and the key of everything that is added to configs."""
    keys = [
        (option, key)
        for option in ("workers", "branches")
        for key in dict.fromkeys(key for config in options[option] for key in config.full_keys)
    ]
    return [*keys, ("devices", "device")] if gives_devices(options, capabilities) else keys


def _added(request: RunRequest) -> _Complaints:
    """What is added to configs takes the place of nothing in them."""
    added = added_keys(request.options, request.backend.capabilities)
    for number, (option, key) in enumerate(added):
        if key in ("repetition", "updates"):
            yield option, f"{key!r} is what the iteration adds to each config: choose another name"
        for name in overlapping(request.study.domain, {key}):
            yield option, f"adds {key!r} to each config, and the domain has a parameter {name!r}: rename one"
        for other, before in added[:number]:
            if other != option and overlap(key, before):
                yield option, f"adds {key!r} to each config, and {other} adds {before!r}: rename one"


def _detached(request: RunRequest) -> _Complaints:
    """A detached process has no terminal, and what it keeps in memory is gone with it."""
    options = request.options
    if not options["detach"]:
        return
    if options["show"] is not None:
        yield "show", "a detached research has no bar: use detach=False"
    if not (options["bar"] is None or isinstance(options["bar"], bool)):
        yield "bar", "a detached research has no bar: use detach=False"
    if not options["dump_results"]:
        yield "detach", "results in memory would end with the detached process: use dump_results=True"
    if options["raise_on_failure"]:
        yield "raise_on_failure", "a detached research goes on after run() has returned: use detach=False"
    if options["debug"]:
        yield "detach", "exceptions of a detached process cannot reach the caller: use debug=False"


def _bounded(request: RunRequest) -> _Complaints:
    """A research has to come to an end, or to be allowed not to."""
    study = request.study
    allowed = request.options["infinite"] or request.options["budget"]
    if not allowed and not may_end(study.iteration.prepare(study.domain)):
        yield (
            "domain",
            (
                "it is infinite and this research would never end; give Research(n_configs=...), an update "
                "by update_domain(...) that comes before the end, or allow it by run(infinite=True) and end "
                "it by terminate() or Ctrl-C"
            ),
        )


_CHECKS: Final[tuple[Callable[[RunRequest], _Complaints], ...]] = (
    _inline,
    _processes,
    _memory,
    _folder,
    _show,
    _stop,
    _search,
    _devices,
    _added,
    _detached,
    _bounded,
)
