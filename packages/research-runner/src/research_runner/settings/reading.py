"""From the parameters of `Research.run` to the typed settings of a run."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from research_domain import AliasError, AuxiliaryKey, ConfigAlias, Domain, digest
from research_domain.seeds import entropy_of
from research_experiment import check_config_keys
from research_runner.backends.cluster.gpus import ask_for_gpus, engine_grid
from research_runner.backends.protocol import BackendFactory, Capabilities
from research_runner.devices import (
    DriverMissingError,
    MemoryGate,
    NvmlProbe,
    branch_devices,
    resolve,
    split_devices,
    worker_environment,
)
from research_runner.errors import OptionError
from research_runner.scheduling.coordinator import Limits
from research_runner.scheduling.setup import WorkerSetup
from research_runner.scheduling.source import IterationOptions
from research_runner.settings.contradictions import RunRequest, added_keys, check_together, gives_devices
from research_runner.settings.parameters import Options
from research_runner.settings.values import (
    Budget,
    Deciding,
    Ending,
    OutputOptions,
    Resume,
    RunSettings,
    Study,
)
from research_runner.system.environment import env_meta, git_meta
from research_runner.system.libraries import library_environment
from research_runner.system.paths import absolute_path
from research_runner.worker.output import STDERR, STDOUT, Redirect
from research_runner.worker.plan import Execution
from research_runner.worker.script import take_surroundings


def _local_backend(parallel: bool) -> BackendFactory:
    """Return one of ours, without the time to find what all installed packages offer."""
    if parallel:
        from research_runner.backends.processes import ProcessFactory

        return ProcessFactory()
    from research_runner.backends.inline import InlineFactory

    return InlineFactory()


def make_settings(study: Study, options: Options, given: Mapping[str, Any] | None = None) -> RunSettings:
    """Check everything together, and create nothing.

    Takes what `read_options` returns, and what `as_given` returns to be recorded. Raises `OptionError`,
    `PlanError` or `AliasError` for what makes no sense.
    """
    backend: BackendFactory = options["backend"] or _local_backend(options["parallel"])
    check_together(RunRequest(study, options, backend))
    setups = _make_setups(options, backend.capabilities)
    _check_keys(study, setups)
    _check_aliases(study.domain)
    return RunSettings(
        path=absolute_path(study.name) if options["dump_results"] else None,
        experiment=study.experiment,
        domain=study.domain,
        iteration=_make_iteration(study, options, backend.capabilities),
        execution=_make_execution(options),
        setups=setups if backend.capabilities.parallel else setups[:1],
        limits=_make_limits(options, setups),
        backend=backend,
        start_method=options["start_method"],
        output=_make_output(study, options),
        gate=_make_gate(options, backend.capabilities),
        resume=Resume(options["retry_failed"], options["resume"] == "force") if options["resume"] else None,
        strict_code=options["strict_code"],
        surroundings=take_surroundings(),
        given=given or {},
        storage=options["storage"],
        name=study.name,
        ending=Ending(options["quiet"], options["raise_on_failure"]),
        deciding=_make_deciding(options),
        budget=Budget(**options["budget"] or {}),
    )


def _make_deciding(options: Options) -> Deciding | None:
    search, stop = options["search"], options["stop"]
    return None if search is stop is None else Deciding(search, stop, options["order"], options["slots"])


def _make_iteration(study: Study, options: Options, capabilities: Capabilities) -> IterationOptions:
    seed = options["seed"]
    if seed is not None:
        study.domain.warn_of_unrepeatable(stacklevel=7)
    return replace(
        study.iteration,
        seed=entropy_of(None) if seed is None else seed,
        seed_given=seed is not None,
        create_id_prefix=options["create_id_prefix"],
        infinite=options["infinite"],
        added=frozenset(key for _, key in added_keys(options, capabilities)),
    )


def _make_execution(options: Options) -> Execution:
    return Execution(
        n_iters=options["n_iters"],
        target=options["executor_target"],
        finalize=options["finalize"],
        debug=options["debug"],
        executor_class=options["executor_class"],
        hooks=options["hooks"],
        profile=options["profile"],
        retry_on=options["retry_on"],
        show=options["show"],
        seed_globals=options["seed_globals"],
    )


def _make_limits(options: Options, setups: Iterable[WorkerSetup]) -> Limits:
    """With devices a worker is replaced after each task by default, which frees the memory of a GPU."""
    tasks = options["tasks_per_worker"]
    if tasks is None and any(setup.gpus or setup.device_names for setup in setups):
        tasks = 1
    canary = options["canary"]
    return Limits(
        max_attempts=options["max_attempts"],
        timeout_s=options["timeout"],
        tasks_per_worker=None if tasks == math.inf else tasks,
        canary=3 * len(options["workers"]) if canary is None else canary,
    )


def _make_setups(options: Options, capabilities: Capabilities) -> tuple[WorkerSetup, ...]:
    workers, branches, devices = options["workers"], options["branches"], options["devices"]
    is_engine, with_devices = capabilities.chooses_devices, gives_devices(options, capabilities)
    libraries = library_environment(options["threads"], len(workers), shares_machine=not is_engine)
    if is_engine:
        grid = engine_grid(devices, capabilities.gpus, len(workers), len(branches))
    else:
        grid = split_devices(devices, len(workers), len(branches))
        if devices is not None:
            grid = resolve(grid, NvmlProbe(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    setups = []
    for config, row in zip(workers, grid, strict=True):
        own = [
            ConfigAlias([(AuxiliaryKey("device"), device)] if with_devices else ())
            for device in branch_devices(row)
        ]
        additions = tuple(branch + config + device for branch, device in zip(branches, own, strict=True))
        setups.append(WorkerSetup(additions, row, {**libraries, **worker_environment(row)}))
    return ask_for_gpus(setups, devices, capabilities.gpus) if is_engine else tuple(setups)


def _make_gate(options: Options, capabilities: Capabilities) -> MemoryGate | None:
    if options["memory_ratio"] is None:
        return None
    probe = NvmlProbe()
    if not capabilities.chooses_devices:  # the devices are here
        try:
            probe.gpus()
        except DriverMissingError as error:
            raise OptionError("memory_ratio", str(error)) from None
    return MemoryGate(probe, options["memory_ratio"], options["n_gpu_checks"], options["gpu_check_delay"])


def _make_output(study: Study, options: Options) -> OutputOptions:
    has_folder = options["dump_results"]
    texts = dict(study.environment)
    if options["git_meta"]:
        texts.update(git_meta())
    if options["env_meta"]:
        texts.update(env_meta())
    return OutputOptions(
        redirects={
            STDOUT: Redirect.parse(options["redirect_stdout"], dump_results=has_folder),
            STDERR: Redirect.parse(options["redirect_stderr"], dump_results=has_folder),
        },
        log_level=options["loglevel"],
        environment=texts,
    )


def _check_aliases(domain: Domain) -> None:
    """Refuse an alias that a user gave to two different values of a parameter."""
    given: dict[tuple[str, str], bytes] = {}
    for parameter, alias in domain.named_values():
        value = digest(alias.value)
        if alias.given and given.setdefault((parameter, alias.alias), value) != value:
            raise AliasError(parameter, alias.alias)


def _check_keys(study: Study, setups: Iterable[WorkerSetup]) -> None:
    """Check that the config keys of the experiment are parameters of anything."""
    if study.domain.update_rule is not None:
        study.domain.update_rule.check_call()
        return  # an update may bring parameters that nobody knows yet
    added: Iterable[ConfigAlias] = (addition for setup in setups for addition in setup.additions)
    known = {key for addition in added for key in addition.full_keys}
    check_config_keys(study.experiment, {*study.domain.parameters, *known})
