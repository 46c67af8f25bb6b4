"""Where the functions and pipelines of units come from: given by the user, or held by an instance."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from research_experiment.building._checks import differing_keys
from research_experiment.errors import PlanError, RootDependencyError, UnknownUnitError
from research_experiment.execution.evaluation import Binder, Fixed, Varying, compile_value, getter_of
from research_experiment.execution.running import RunningExperiment
from research_experiment.pipelines import Pipeline, copy_batch, copy_pipeline, not_ready
from research_experiment.plan import PipelineUnit


def compile_source(unit: str, source: Any) -> Callable[[RunningExperiment], Any]:
    """Compile where the function of a unit comes from.

    What was given is the experiment's own: the instance of a bound method, the arguments of a partial.
    ``'instance.attribute'`` is found on the instance.
    """
    if isinstance(source, str):
        return lambda running: get_attribute(unit, *_find_holder(unit, source, running))
    bind = compile_value(source)
    if type(bind) is Fixed:
        return bind

    def find(running: RunningExperiment) -> Any:
        function = bind(running)
        return function.get() if type(function) is Varying else function

    return find


def _find_holder(unit: str, source: str, running: RunningExperiment) -> tuple[Any, str]:
    """Return the object that holds ``'instance.attribute'``, and the name of the attribute."""
    owner, *inner, attribute = source.split(".")
    if owner not in running.instances:
        raise UnknownUnitError(f"unit {unit!r}: the instance {owner!r} was not made", owner)
    holder = running.instances[owner]
    for name in inner:
        holder = get_attribute(unit, holder, name)
    return holder, attribute


def get_attribute(unit: str, holder: Any, name: str) -> Any:
    """Return an attribute, or say which unit wanted it."""
    try:
        return getattr(holder, name)
    except AttributeError as error:
        raise UnknownUnitError(f"unit {unit!r}: {error}", name) from error


class CompiledPipeline:
    """The pipeline of a unit, with its settings and its batch, of which siblings may get the same."""

    __slots__ = ("_batch", "_settings", "_shared_batch", "_unit")

    def __init__(self, unit: PipelineUnit, *, shared_batch: bool) -> None:
        self._unit = unit
        self._settings = {name: compile_value(value) for name, value in unit.config.items()}
        self._batch = compile_value(unit.batch)
        self._shared_batch = shared_batch

    def bind(self, running: RunningExperiment) -> tuple[Pipeline, Callable[[], Any]]:
        """Return the experiment's copy of the pipeline, and the function for each iteration."""
        unit = self._unit
        pipeline, fresh = _own_pipeline(unit, running)
        if unit.mode != "execute_for" and (reason := not_ready(pipeline)) is not None:
            raise PlanError(f"pipeline {unit.name!r} cannot be used: {reason}", unit=unit.name)
        settings = {name: bind(running) for name, bind in self._settings.items()}
        first = {name: getter_of(setting)() for name, setting in settings.items()}
        pipeline.set_config({**running.config.to_dict(), **first})
        if fresh:
            pipeline.reset("iter", "vars")
        call = _pipeline_call(unit, pipeline, running, self._batch, self._shared_batch)
        varying = {name: setting.get for name, setting in settings.items() if type(setting) is Varying}
        call = _with_settings(pipeline, call, varying)
        return pipeline, _explaining_roots(unit.name, running, call) if running.index is None else call


def _own_pipeline(unit: PipelineUnit, running: RunningExperiment) -> tuple[Pipeline, bool]:
    """Return the pipeline that belongs to the experiment, and whether it is a fresh copy."""
    if not isinstance(unit.source, str):
        return copy_pipeline(unit.source), True
    holder, attribute = _find_holder(unit.name, unit.source, running)
    pipeline = get_attribute(unit.name, holder, attribute)
    if attribute in getattr(holder, "__dict__", {}):
        return pipeline, False
    pipeline = copy_pipeline(pipeline)
    setattr(holder, attribute, pipeline)
    return pipeline, True


def _pipeline_call(
    unit: PipelineUnit, pipeline: Pipeline, running: RunningExperiment, batch: Binder, shared_batch: bool
) -> Callable[[], Any]:
    if unit.mode != "execute_for":
        return pipeline.run if unit.run else pipeline.next_batch
    get = getter_of(batch(running))
    if shared_batch and len(running.branches) > 1:
        return lambda: pipeline.execute_for(copy_batch(get()))
    return lambda: pipeline.execute_for(get())


def _with_settings(
    pipeline: Pipeline, call: Callable[[], Any], varying: Mapping[str, Callable[[], Any]]
) -> Callable[[], Any]:
    """Update what the settings say before each call."""
    if not varying:
        return call

    def update_and_call() -> Any:
        pipeline.set_config({name: get() for name, get in varying.items()})
        return call()

    return update_and_call


def _explaining_roots(unit: str, running: RunningExperiment, call: Callable[[], Any]) -> Callable[[], Any]:
    """Say of a root's pipeline which key it misses in its config, because the branches differ in it."""

    def explained() -> Any:
        try:
            return call()
        except Exception as error:
            for key in sorted(differing_keys([branch.recorded_config for branch in running.branches])):
                if _names(key, error):
                    raise RootDependencyError(
                        f"root pipeline {unit!r} asks its config for {key!r}, which differs between the "
                        "branches of its task; use it in the branch's pipeline, or run with branches=1",
                        unit=unit,
                    ) from error
            raise

    return explained


def _names(key: str, error: BaseException | None) -> bool:
    """Whether an error, or one behind it, is about a missing key of that name."""
    while error is not None:
        if isinstance(error, LookupError) and re.search(rf"(?<![\w/]){re.escape(key)}(?![\w/])", str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
