"""What is known of the things that expressions stand for before any of them exists."""

from __future__ import annotations

from collections.abc import Mapping

from research_domain import Config
from research_experiment.errors import hint
from research_experiment.expressions._nodes import (
    AttributeOf,
    ConfigItem,
    ConfigPart,
    Node,
    Output,
    Reference,
)

EXPERIMENT = (
    "branches",
    "config",
    "config_alias",
    "config_of",
    "failure",
    "forget_originals",
    "id",
    "identity",
    "index",
    "instances",
    "is_alive",
    "is_failed",
    "iteration",
    "last",
    "logger",
    "lookup",
    "outputs",
    "own",
    "path",
    "profile_details",
    "profile_info",
    "progress",
    "random",
    "recorded_config",
    "research_results",
    "results",
    "share_task",
    "show_profile_info",
    "storage",
)
"""What a running experiment has; a test compares it with the class."""

UNIT = ("iteration", "output", "pipeline")
"""What a unit has besides the attributes of what it calls."""

_CONFIG = tuple(name for name in dir(Config) if not name.startswith("_"))

_INSTEAD: Mapping[str, str] = {
    "research": "R() has the results of the research",
    "executor": "E().branches has the experiments of the task",
    "actions": "Experiment.actions has the units, E()['unit'] one of them while it runs",
    "call": "experiment.init(index, config).call(name, iteration) runs one unit by hand",
}


def public_names(node: Node) -> tuple[str, ...] | None:
    """Return the attributes of the value of an expression, or None if they are not known yet."""
    match node:
        case Reference("E", None, False):
            return EXPERIMENT
        case ConfigPart(_, False):
            return _CONFIG
        case AttributeOf(target, "config") if getattr(target, "_node", None) == Reference("E"):
            return _CONFIG
        case _:
            return None


def check_attribute(node: Node, name: str) -> None:
    """Refuse an attribute of the config that no config has: a value was meant."""
    if public_names(node) is _CONFIG and name not in _CONFIG:
        item = f"EC({name!r})" if isinstance(node, ConfigPart) else f"{node}[{name!r}]"
        raise AttributeError(f"{node}.{name}: a config has items and no attribute {name!r}; write {item}")


def no_attribute(error: AttributeError, name: str) -> AttributeError:
    """Return the error of an attribute that a running experiment has not, with what to write instead."""
    instead = f"; {_INSTEAD[name]}" if name in _INSTEAD else hint(name, EXPERIMENT)
    return AttributeError(
        f"{error}{instead}; EC({name!r}) is a value of its config, E({name!r}) a unit or instance"
    )


def check_class_attribute(letter: str, name: str) -> AttributeError:
    """Return the error of an attribute that was asked of a class: parentheses were forgotten."""
    match letter:
        case "EC":
            instead = str(ConfigPart() if name in _CONFIG else ConfigItem(name))
            instead += f".{name}" if name in _CONFIG else ""
        case "O":
            instead = str(Output(name))
        case "E" if name not in EXPERIMENT:
            instead = str(Reference("E", name))
        case _:
            instead = f"{letter}().{name}"
    return AttributeError(f"{letter}.{name}: {letter} is a class, and this no expression; write {instead}")
