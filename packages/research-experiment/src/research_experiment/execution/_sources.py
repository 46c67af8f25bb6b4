"""Where the functions and pipelines of units come from: given by the user, or held by an instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from research_experiment.errors import UnknownUnitError
from research_experiment.execution.evaluation import compile_value
from research_experiment.execution.running import RunningExperiment
from research_experiment.pipelines import Pipeline, copy_batch, copy_pipeline
from research_experiment.plan import PipelineUnit

__all__ = ["find_holder", "get_attribute", "prepare_pipeline"]


def find_holder(unit: str, source: str, running: RunningExperiment) -> tuple[Any, str]:
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


def prepare_pipeline(
    unit: PipelineUnit, running: RunningExperiment, shared_batch: bool
) -> tuple[Pipeline, Callable[[], Any]]:
    """Make the pipeline of a unit ready for an experiment.

    Parameters
    ----------
    unit : PipelineUnit
        The unit.
    running : RunningExperiment
        The experiment.
    shared_batch : bool
        Whether siblings get the same batch.

    Returns
    -------
    pipeline : Pipeline
        The experiment's own one.
    call : callable
        What is called in each iteration.
    """
    pipeline, fresh = _own_pipeline(unit, running)
    settings = {name: compile_value(value, running) for name, value in unit.config.items()}
    first = {name: setting.get() for name, setting in settings.items()}
    pipeline.set_config({**running.config.to_dict(), **first})
    if fresh:
        pipeline.reset("iter", "vars")
    call = _pipeline_call(unit, pipeline, running, shared_batch)
    changing = {name: setting.value for name, setting in settings.items() if not setting.constant}
    return pipeline, _with_settings(pipeline, call, changing)


def _own_pipeline(unit: PipelineUnit, running: RunningExperiment) -> tuple[Pipeline, bool]:
    """Return the pipeline that belongs to the experiment, and whether it is a fresh copy."""
    if not isinstance(unit.source, str):
        return copy_pipeline(unit.source), True
    holder, attribute = find_holder(unit.name, unit.source, running)
    pipeline = get_attribute(unit.name, holder, attribute)
    if attribute in getattr(holder, "__dict__", {}):
        return pipeline, False
    pipeline = copy_pipeline(pipeline)
    setattr(holder, attribute, pipeline)
    return pipeline, True


def _pipeline_call(
    unit: PipelineUnit, pipeline: Pipeline, running: RunningExperiment, shared_batch: bool
) -> Callable[[], Any]:
    if unit.mode != "execute_for":
        return pipeline.run if unit.run else pipeline.next_batch
    get = compile_value(unit.batch, running).get
    if shared_batch and len(running.branches) > 1:
        return lambda: pipeline.execute_for(copy_batch(get()))
    return lambda: pipeline.execute_for(get())


def _with_settings(
    pipeline: Pipeline, call: Callable[[], Any], changing: Mapping[str, Callable[[], Any]]
) -> Callable[[], Any]:
    """Update what the settings say before each call."""
    if not changing:
        return call

    def update_and_call() -> Any:
        pipeline.set_config({name: get() for name, get in changing.items()})
        return call()

    return update_and_call
