"""Choices: what a domain leaves open, as questions whose answers lead to a config; used by searches.

``kinds``  Real, Integer, Category: what is asked
``walk``   Choices: from answers to a config, and back
"""

from research_domain.choices.kinds import Category, Choice, Integer, Real
from research_domain.choices.walk import Choices

__all__ = ["Category", "Choice", "Choices", "Integer", "Real"]
