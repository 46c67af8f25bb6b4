"""Pandas objects as trees."""

from __future__ import annotations

from typing import Any

from research_results._dtypes import NotPlainError

__all__ = ["decode", "encode"]


def encode(dump: Any, value: Any) -> Any:
    raise NotPlainError(type(value).__name__)


def decode(load: Any, node: Any) -> Any:
    raise ValueError(node)
