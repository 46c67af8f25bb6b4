"""Which experiments have a config that a domain holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from research_domain import Domain
from research_results.reading.configs import config_values

if TYPE_CHECKING:
    import sqlite3

    from research_results.reading.experiments import Experiments
    from research_results.reading.source import Source

__all__ = ["domain_mask"]


def domain_mask(
    connection: sqlite3.Connection, source: Source, experiments: Experiments, domain: Domain
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell for each experiment whether its config has all parameters of some config of a domain, equal."""
    configs = config_values(connection, source, experiments, allow_pickle=False)
    return np.array([_holds(domain, config) for config in configs], np.bool_)


def _holds(domain: Domain, config: dict[str, Any]) -> bool:
    """Tell whether some config of the domain is part of `config`.

    The domain laid over the one config leaves it as it is exactly if what it lays over it is there already.
    """
    if not config:
        return config in domain
    return config in Domain({name: [value] for name, value in config.items()}) * domain
