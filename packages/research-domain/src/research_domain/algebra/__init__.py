"""The algebra of domains: points, filters and draws as lazy values, and the operators that combine them."""

from research_domain.algebra.operators import Algebra

__all__ = ["Algebra"]
