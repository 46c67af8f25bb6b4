"""Filters of experiments on the command line."""

from __future__ import annotations

import argparse
import json
from typing import Any


def filters_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the filters among arguments: values are JSON where they can be, else texts."""
    from research_results.errors import ArgumentError

    config: dict[str, Any] = {}
    for text in getattr(arguments, "where", ()):
        name, equals, value = text.partition("=")
        if not equals:
            raise ArgumentError("--where", f"is NAME=VALUE, got {text!r}")
        try:
            config[name] = json.loads(value)
        except ValueError:
            config[name] = value
    given = {"config": config, "tags": getattr(arguments, "tag", None)}
    return {name: value for name, value in given.items() if value}
