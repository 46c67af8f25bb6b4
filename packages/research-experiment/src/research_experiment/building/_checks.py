"""Checks of a plan before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from research_domain import AUXILIARY_KEYS, ConfigAlias, digest
from research_domain.config import overlap, paths
from research_domain.when import When
from research_experiment.building._options import signature_of
from research_experiment.building._parsing import generator_as_callable, is_generator_function
from research_experiment.errors import DependencyError, PlanError, RootDependencyError, UnknownUnitError, hint
from research_experiment.expressions._nodes import Output, Reference
from research_experiment.expressions._references import config_keys, needed_keys
from research_experiment.expressions.named import Expression
from research_experiment.plan import CallUnit, ExperimentPlan, Instance, Unit, Working


def check_plan(plan: ExperimentPlan) -> None:
    """Check that everything that units refer to exists and can have run, and that arguments fit functions."""
    branch_names = {item.name for item in (*plan.instances, *plan.units) if not item.root}
    for item in (*plan.instances, *plan.units):
        if item.root:
            _check_shared(item, branch_names)
    for unit in plan.units:
        if isinstance(unit, Working) and isinstance(unit.source, str):
            _check_owner(unit, unit.source, plan)
    for position, unit in enumerate(plan.units):
        _check_references(unit, position, plan)
    for position, instance in enumerate(plan.instances):
        _check_instance(instance, plan.instances[:position])
    for item in (*plan.instances, *plan.units):
        if isinstance(item, Instance | CallUnit):
            _check_call(item)


def _check_shared(item: Unit | Instance, branch_names: set[str]) -> None:
    asked_of_all = {
        leaf.unit for leaf in item.references if isinstance(leaf, Output | Reference) and leaf.all
    }
    needs = item.needs - asked_of_all if isinstance(item, Working) else item.needs
    for name in sorted(needs & branch_names):
        raise RootDependencyError(
            f"root unit {item.name!r} depends on {name!r}, of which every branch has its own; "
            f"make {name!r} a root one as well, or {item.name!r} a branch one",
            unit=item.name,
        )


def _check_owner(unit: Working, source: str, plan: ExperimentPlan) -> None:
    owner, _, attribute = source.partition(".")
    instances = {instance.name: instance for instance in plan.instances}
    if owner not in instances:
        raise UnknownUnitError(
            f"unit {unit.name!r} refers to an instance {owner!r} that does not exist"
            f"{hint(owner, instances)}; add it with add_instance({owner!r}, ...)",
            owner,
        )
    if not all(part.isidentifier() for part in attribute.split(".")):
        raise PlanError(
            f"unit {unit.name!r} must name a method of the instance {owner!r}, got {source!r}", unit=unit.name
        )
    method = getattr(instances[owner].creator, attribute, None)
    if unit.mode == "func" and is_generator_function(method):
        raise generator_as_callable(unit.name)


def _check_references(unit: Unit, position: int, plan: ExperimentPlan) -> None:
    instances = [instance.name for instance in plan.instances]
    working = {other.name: number for number, other in enumerate(plan.units) if isinstance(other, Working)}
    for leaf in unit.references:
        name = leaf.unit if isinstance(leaf, Output | Reference) else None
        if name is None or (isinstance(leaf, Reference) and name in instances):
            continue
        known = working if isinstance(leaf, Output) else [*instances, *working]
        if name not in working:
            raise UnknownUnitError(
                f"unit {unit.name!r} refers to {leaf}, but there is no unit {name!r}{hint(name, known)}", name
            )
        producer = plan.units[working[name]]
        if not _can_have_run(producer.when, unit.when, earlier=working[name] < position):
            raise DependencyError(
                f"unit {unit.name!r} needs {leaf}, but {name!r} has not run by then; "
                "add it earlier, or give this unit a `when` that starts later",
                unit=unit.name,
            )


def _first(when: When) -> int | None:
    """Return the first iteration that is due whether it is the last one or not."""
    return min([*(period - 1 for period in when.periods), *when.exact], default=None)


def _can_have_run(producer: When, user: When, earlier: bool) -> bool:
    """Whether a unit can have run when another one is due for the first time."""
    if producer.last and earlier:
        return True
    first, needed = _first(producer), _first(user)
    if first is None:
        return False  # only in the last iteration, and then too late
    if needed is None:
        return True  # only in the last iteration, of which nobody knows when it comes
    return first < needed or (first == needed and earlier)


def _check_instance(instance: Instance, earlier: Sequence[Instance]) -> None:
    names = [other.name for other in earlier]
    for leaf in instance.references:
        if isinstance(leaf, Output):
            raise DependencyError(
                f"instance {instance.name!r} is made before any unit runs and cannot use {leaf}",
                unit=instance.name,
            )
        if isinstance(leaf, Reference) and leaf.unit is not None and leaf.unit not in names:
            raise UnknownUnitError(
                f"instance {instance.name!r} refers to {leaf}, but no instance {leaf.unit!r} "
                f"is made before it{hint(leaf.unit, names)}",
                leaf.unit,
            )


def _check_call(item: Instance | CallUnit) -> None:
    """Check the arguments against the signature, where both are known."""
    signature = signature_of(item.creator if isinstance(item, Instance) else item.source)
    if signature is None or isinstance(item.args, Expression) or isinstance(item.spread, Expression):
        return
    try:
        signature.bind(*item.args, **{**(item.spread or {}), **item.kwargs})
    except TypeError as error:
        raise PlanError(
            f"{item.name!r} cannot be called like this: {error}; its parameters are {signature}",
            unit=item.name,
        ) from None


def check_root(plan: ExperimentPlan, configs: Sequence[ConfigAlias]) -> None:
    """Check that what the branches of a task share does not depend on what differs between them."""
    if len(configs) < 2 or not plan.has_root:
        return
    differing = differing_keys(configs)
    auxiliary = {key for config in configs for key in config.auxiliary}
    for item in (*plan.instances, *plan.units):
        if item.root:
            _check_root_item(item, differing, auxiliary)


def _check_root_item(item: Unit | Instance, differing: set[str], auxiliary: set[str]) -> None:
    for key in sorted(needed_keys(item.references, differing, auxiliary)):
        raise RootDependencyError(
            f"root unit {item.name!r} depends on the config key {key!r}, which differs between "
            "the branches of its task; make the unit a branch one (root=False), or run with branches=1",
            unit=item.name,
        )
    if Reference("EP", None, False) in item.references:
        raise RootDependencyError(
            f"root unit {item.name!r} asks for EP(), but every branch of its task has a folder of its own; "
            "use EP(all=True), or make the unit a branch one",
            unit=item.name,
        )


def differing_keys(configs: Sequence[ConfigAlias]) -> set[str]:
    """Return the keys, ``'a/b'`` for nested ones, whose values are not the same in all configs."""
    made = [config.config() for config in configs]
    inside = _differing([paths(config) for config in made])
    whole = _differing([config.flatten() for config in made])
    return inside | {key for key in whole if not any(overlap(key, other) for other in inside)}


def _differing(flat: Sequence[Mapping[str, Any]]) -> set[str]:
    keys = {key for each in flat for key in each}
    return {key for key in keys if any(not _same_item(key, flat[0], each) for each in flat[1:])}


def _same_item(key: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether two configs have equal values of equal types: 1 and 1.0 differ for a unit."""
    if key not in left or key not in right:
        return False
    return left[key] is right[key] or digest(left[key]) == digest(right[key])


def check_config_keys(plan: ExperimentPlan, known: Iterable[str]) -> None:
    """Check that every ``EC('key')`` is a parameter of the domain.

    Parameters
    ----------
    plan : ExperimentPlan
        The plan.
    known : iterable of str
        All parameters that any config has, ``'a/b'`` for nested ones.

    Raises
    ------
    PlanError
        If a unit asks for another one.
    """
    parameters = sorted(known)
    names = {*parameters, *AUXILIARY_KEYS}
    for item in (*plan.instances, *plan.units):
        for key in sorted(config_keys(item.references)):
            if not any(overlap(key, name) for name in names):
                raise PlanError(
                    f"{item.name!r} refers to EC({key!r}), but no config has that key"
                    f"{hint(key, sorted(names))}; "
                    f"the parameters are {', '.join(map(repr, parameters)) or 'none'}",
                    unit=item.name,
                )
