"""From the parameters of `Research.run`, as users write them, to the typed settings of a run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from research_domain import ConfigAlias
from research_experiment import Executor, check_config_keys
from research_runner.backends.protocol import BackendFactory
from research_runner.backends.registry import find_backend
from research_runner.cluster.gpus import ask_for_gpus, engine_grid
from research_runner.devices import (
    DeviceGrid,
    DeviceSpec,
    MemoryGate,
    NvmlProbe,
    branch_devices,
    resolve,
    split_devices,
    worker_environment,
)
from research_runner.pool import StartMethod
from research_runner.scheduling.setup import WorkerSetup
from research_runner.settings.options import (
    check_bounded,
    check_detach,
    check_time_limits,
    parse_configs,
    parse_entropy,
    parse_execution,
    parse_limits,
    parse_log_level,
    parse_redirects,
    parse_resume,
)
from research_runner.settings.rules import check_together
from research_runner.settings.values import OutputOptions, RunSettings, Study
from research_runner.system.environment import env_meta, git_meta

__all__ = ["RunOptions", "make_settings"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The parameters of :meth:`Research.run`, which describes them, as they were given."""

    name: str | None = None
    workers: int | Iterable[Any] = 1
    branches: int | Iterable[Any] = 1
    n_iters: int | None = None
    devices: DeviceSpec = None
    executor_class: type[Executor] | None = None
    dump_results: bool = True
    parallel: bool = True
    executor_target: str = "threads"
    loglevel: str | int | None = None
    bar: Any = True
    detach: bool = False
    debug: bool = False
    finalize: bool = True
    git_meta: bool = False
    env_meta: bool = False
    seed: Any = None
    profile: bool | int | str = False
    memory_ratio: float | None = None
    n_gpu_checks: int = 3
    gpu_check_delay: float = 5
    create_id_prefix: bool | int = False
    redirect_stdout: bool | int = True
    redirect_stderr: bool | int = True
    max_attempts: int = 2
    timeout: float | None = None
    tasks_per_worker: float | None = None
    start_method: StartMethod = "auto"
    infinite: bool = False
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = ()
    canary: int | None = None
    resume: bool | str = False
    retry_failed: bool = False
    show: str | None = None
    backend: str | BackendFactory | None = None


def make_settings(study: Study, options: RunOptions) -> RunSettings:
    """Read and check everything, and create nothing.

    Parameters
    ----------
    study : Study
        What the research is about.
    options : RunOptions
        How it shall be run.

    Raises
    ------
    OptionError, PlanError
        If something makes no sense.
    """
    backend = find_backend(options.backend, options.parallel)
    options = replace(options, parallel=backend.capabilities.parallel and options.parallel, backend=backend)
    check_together(options)
    setups = _make_setups(options, backend)
    check_bounded(study.domain, study.iteration.n_items, options.infinite)
    check_detach(options.detach, options.dump_results, options.debug)
    check_time_limits(study.experiment, options.parallel)
    _check_keys(study, setups)
    return RunSettings(
        path=Path(study.name).absolute() if options.dump_results else None,
        experiment=study.experiment,
        domain=study.domain,
        iteration=replace(
            study.iteration,
            seed=parse_entropy(options.seed),
            seed_given=options.seed is not None,
            create_id_prefix=options.create_id_prefix,
        ),
        execution=parse_execution(
            n_iters=options.n_iters,
            target=options.executor_target,
            finalize=options.finalize,
            debug=options.debug,
            parallel=options.parallel,
            profile=options.profile,
            executor_class=options.executor_class,
            retry_on=options.retry_on,
            show=options.show,
        ),
        setups=setups if options.parallel else setups[:1],
        limits=parse_limits(
            options.max_attempts,
            options.timeout,
            options.tasks_per_worker,
            3 * len(setups) if options.canary is None else options.canary,
            has_devices=any(setup.gpus or setup.device_names for setup in setups),
            parallel=options.parallel,
        ),
        backend=backend,
        start_method=options.start_method,
        output=_make_output(study, options),
        gate=_make_gate(options),
        resume=parse_resume(options.resume, options.retry_failed, options.dump_results),
    )


def _make_setups(options: RunOptions, backend: BackendFactory) -> tuple[WorkerSetup, ...]:
    workers = parse_configs("workers", options.workers)
    branches = parse_configs("branches", options.branches)
    if backend.capabilities.chooses_devices:
        gpus = backend.capabilities.gpus
        grid = engine_grid(options.devices, gpus, len(workers), len(branches))
        return ask_for_gpus(_combine(workers, branches, grid), options.devices, gpus)
    grid = split_devices(options.devices, len(workers), len(branches))
    if options.devices is not None:
        grid = resolve(grid, NvmlProbe(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    return _combine(workers, branches, grid)


def _combine(
    workers: tuple[ConfigAlias, ...], branches: tuple[ConfigAlias, ...], grid: DeviceGrid
) -> tuple[WorkerSetup, ...]:
    """Combine what each worker, each branch and each device adds."""
    setups = []
    for config, row in zip(workers, grid, strict=True):
        devices = [ConfigAlias({"device": device}) for device in branch_devices(row)]
        additions = tuple(branch + config + device for branch, device in zip(branches, devices, strict=True))
        setups.append(WorkerSetup(additions, row, worker_environment(row)))
    return tuple(setups)


def _make_gate(options: RunOptions) -> MemoryGate | None:
    if options.memory_ratio is None:
        return None
    return MemoryGate(NvmlProbe(), options.memory_ratio, options.n_gpu_checks, options.gpu_check_delay)


def _make_output(study: Study, options: RunOptions) -> OutputOptions:
    texts = dict(study.environment)
    if options.git_meta:
        texts.update(git_meta())
    if options.env_meta:
        texts.update(env_meta())
    return OutputOptions(
        redirects=parse_redirects(options.redirect_stdout, options.redirect_stderr, options.dump_results),
        log_level=parse_log_level(options.loglevel),
        environment=texts,
    )


def _check_keys(study: Study, setups: Iterable[WorkerSetup]) -> None:
    """Check that the config keys of the experiment are parameters of anything."""
    if study.domain.update_rule is not None:
        return  # an update may bring parameters that nobody knows yet
    added: Iterable[ConfigAlias] = (addition for setup in setups for addition in setup.additions)
    known = {key for addition in added for key in addition.keys()}  # noqa: SIM118 - not a mapping
    check_config_keys(study.experiment, {*study.domain.parameters, *known})
