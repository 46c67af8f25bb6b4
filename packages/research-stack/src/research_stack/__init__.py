"""Everything of research under one roof.

``from research_stack import Research, Domain, EC, O`` is all that most scripts need. The parts live in
`research_domain`, `research_experiment`, `research_results` and `research_runner`.
"""

from research_domain import (
    Alias,
    Config,
    ConfigAlias,
    Domain,
    Option,
    make_rng,
    make_seed_sequence,
)
from research_experiment import EC, EP, E, Executor, Experiment, O, R, S, get_metrics
from research_results import ResearchResults, ResearchStorage
from research_runner import Research
from research_stack._version import __version__

__all__ = [
    "EC",
    "EP",
    "Alias",
    "Config",
    "ConfigAlias",
    "Domain",
    "E",
    "Executor",
    "Experiment",
    "O",
    "Option",
    "R",
    "Research",
    "ResearchResults",
    "ResearchStorage",
    "S",
    "__version__",
    "get_metrics",
    "make_rng",
    "make_seed_sequence",
]
