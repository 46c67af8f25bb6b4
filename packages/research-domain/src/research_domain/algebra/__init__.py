"""Spaces of parameters as lazy values: points, filters and draws, and the operators that combine them."""

from research_domain.algebra.operators import Algebra

__all__ = ["Algebra"]
