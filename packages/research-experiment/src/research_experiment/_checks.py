"""What can be known to be wrong before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from research_domain import AUXILIARY_KEYS, ConfigAlias
from research_experiment._nodes import Output, Reference
from research_experiment._references import config_keys, leaves
from research_experiment.errors import (
    DependencyError,
    PlanError,
    RootDependencyError,
    UnknownUnitError,
    hint,
)
from research_experiment.plan import CallUnit, DumpUnit, ExperimentPlan, Instance, SaveUnit, Unit

__all__ = ["check_config_keys", "check_plan", "check_root"]


def _values(item: Unit | Instance) -> Any:
    """Return what may contain references."""
    match item:
        case CallUnit():
            return item.arguments
        case SaveUnit():
            return item.source
        case Instance():
            return dict(item.kwargs)
        case DumpUnit():
            return ()


def check_plan(plan: ExperimentPlan) -> None:
    """Check that everything that units refer to exists and can have run.

    Raises
    ------
    UnknownUnitError
        If a unit or instance of that name does not exist.
    DependencyError
        If a unit is due before the one whose output it needs.
    """
    for unit in plan.units:
        if isinstance(unit, CallUnit) and isinstance(unit.source, str):
            _check_owner(unit.name, unit.source, plan)
    for position, item in enumerate(plan.units):
        for leaf in leaves(_values(item)):
            if isinstance(leaf, Output):
                _check_output(leaf, item, position, plan)
            elif isinstance(leaf, Reference) and leaf.unit is not None and leaf.unit not in plan.names:
                raise _unknown(item.name, str(leaf), leaf.unit, plan.names)
    for instance in plan.instances:
        _check_instance(instance, plan)


def _unknown(user: str, text: str, name: str, known: Iterable[str]) -> UnknownUnitError:
    return UnknownUnitError(
        f"{user!r} refers to {text}, but there is no unit or instance {name!r}{hint(name, known)}", name
    )


def _check_owner(name: str, source: str, plan: ExperimentPlan) -> None:
    owner, _, attribute = source.partition(".")
    instances = {instance.name: instance for instance in plan.instances}
    if owner not in instances:
        raise UnknownUnitError(
            f"unit {name!r} refers to an instance {owner!r} that does not exist{hint(owner, instances)}; "
            f"add it with add_instance({owner!r}, ...)",
            owner,
        )
    if not attribute:
        raise PlanError(f"unit {name!r} names an instance but none of its methods", unit=name)


def _check_output(leaf: Output, user: Unit, position: int, plan: ExperimentPlan) -> None:
    producers = [(place, unit) for place, unit in enumerate(plan.units) if unit.name == leaf.unit]
    known = [unit.name for unit in plan.units if isinstance(unit, CallUnit)]
    if leaf.unit not in known:
        raise _unknown(user.name, str(leaf), leaf.unit, known)
    ((place, producer),) = producers
    if user.when.due(0, False) and not (place < position and producer.when.due(0, True)):
        raise DependencyError(
            f"unit {user.name!r} needs {leaf} in iteration 0, but {leaf.unit!r} has not run by then; "
            "add it earlier, or give this unit a `when` that starts later",
            unit=user.name,
        )


def _check_instance(instance: Instance, plan: ExperimentPlan) -> None:
    earlier = [other.name for other in plan.instances[: plan.instances.index(instance)]]
    for leaf in leaves(_values(instance)):
        if isinstance(leaf, Output):
            raise DependencyError(
                f"instance {instance.name!r} is made before any unit runs and cannot use {leaf}",
                unit=instance.name,
            )
        if isinstance(leaf, Reference) and leaf.unit is not None and leaf.unit not in earlier:
            raise _unknown(instance.name, str(leaf), leaf.unit, earlier)


def check_root(plan: ExperimentPlan, configs: Sequence[ConfigAlias]) -> None:
    """Check that what the branches share does not depend on what differs between them.

    Parameters
    ----------
    plan : ExperimentPlan
        The plan.
    configs : sequence of ConfigAlias
        The configs of the branches of one task.

    Raises
    ------
    RootDependencyError
        If a root unit or root instance depends on a config key with different values, or on a branch unit.
    """
    if len(configs) < 2 or not plan.has_root:
        return
    differing = _differing_keys(configs)
    branch_names = {item.name for item in (*plan.instances, *plan.units) if not item.root}
    for item in (*plan.instances, *plan.units):
        if item.root:
            _check_root_item(item, differing, branch_names)


def _check_root_item(item: Unit | Instance, differing: set[str], branch_names: set[str]) -> None:
    for key in config_keys(_values(item)):
        clash = sorted(differing - set(AUXILIARY_KEYS)) if key is None else _overlap(key, differing)
        if clash:
            raise RootDependencyError(
                f"root unit {item.name!r} depends on the config key {clash[0]!r}, which differs between "
                "the branches of its task; make the unit a branch one (root=False), or run with branches=1",
                unit=item.name,
            )
    for name in sorted(item.needs & branch_names):
        raise RootDependencyError(
            f"root unit {item.name!r} depends on {name!r}, of which every branch has its own; "
            f"make {name!r} a root one as well, or {item.name!r} a branch one",
            unit=item.name,
        )


def _overlap(key: str, differing: set[str]) -> list[str]:
    return sorted(other for other in differing if other == key or other.startswith(f"{key}/"))


def _differing_keys(configs: Sequence[ConfigAlias]) -> set[str]:
    flat = [config.config().flatten() for config in configs]
    keys = {key for each in flat for key in each}
    return {
        key
        for key in keys
        if any(not _same(flat[0].get(key, flat), each.get(key, flat)) for each in flat[1:])
    }


def _same(left: Any, right: Any) -> bool:
    if left is right:
        return True
    try:
        return bool(type(left) is type(right) and left == right)
    except Exception:  # noqa: BLE001 - values are the user's own; arrays have no single truth value
        return repr(left) == repr(right)


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
    prefixes = {
        "/".join(name.split("/")[: depth + 1]) for name in names for depth in range(name.count("/") + 1)
    }
    for item in (*plan.instances, *plan.units):
        for key in config_keys(_values(item)):
            if (
                key is not None
                and key not in prefixes
                and not any(key.startswith(f"{name}/") for name in names)
            ):
                raise PlanError(
                    f"{item.name!r} refers to EC({key!r}), but no config has that key"
                    f"{hint(key, sorted(names))}; "
                    f"the parameters are {', '.join(map(repr, parameters)) or 'none'}",
                    unit=item.name,
                )
