"""Ways through a domain: limits and repetitions, by index and at random; the configs of one parameter."""

from research_domain.iteration.schedule import IterParams

__all__ = ["IterParams"]
