"""Iteration: configs of a domain one by one, by index or at random, with limits and repetitions."""

from research_domain.iteration.schedule import IterParams

__all__ = ["IterParams"]
