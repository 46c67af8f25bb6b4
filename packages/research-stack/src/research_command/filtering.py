"""Filters of experiments, as the command line has them."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["filters_of"]


def filters_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the filters among arguments; of several values of a parameter any will do."""
    from research_results.errors import ArgumentError
    from research_results.reading.typed import Typed

    texts: dict[str, list[str]] = {}
    for text in getattr(arguments, "where", ()):
        name, equals, value = text.partition("=")
        if not equals:
            raise ArgumentError("--where", f"is NAME=VALUE, got {text!r}")
        texts.setdefault(name, []).append(value)
    config = {name: Typed(tuple(values)) for name, values in texts.items()}
    given = {"config": config, "tags": getattr(arguments, "tag", None)}
    return {name: value for name, value in given.items() if value}
