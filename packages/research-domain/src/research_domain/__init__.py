"""Lazy algebra of parameter spaces.

``domain``    Domain, Option: spaces of parameters and their operators
``alias``     Alias, ConfigAlias: readable names beside values
``config``    Config: nested dictionaries with paths
``when``      When: which iterations something happens in
``seeds``     seeds and generators
``identity``  Identifier, Identity: who an experiment is
``errors``    everything that is raised
"""

from research_domain._version import __version__
from research_domain.alias import AUXILIARY_KEYS, Alias, ConfigAlias
from research_domain.config import Config
from research_domain.domain import Domain, Option
from research_domain.errors import (
    ConfigKeyError,
    DomainError,
    DomainIndexError,
    InfiniteDomainError,
    ParameterError,
    PredicateError,
    SeedError,
    SpecError,
    UpdateError,
    WeightError,
    WhenError,
    ZipError,
)
from research_domain.identity import Identifier, Identity
from research_domain.seeds import experiment_seed, make_rng, make_seed_sequence
from research_domain.updates import UpdateRule
from research_domain.when import When

__all__ = [
    "AUXILIARY_KEYS",
    "Alias",
    "Config",
    "ConfigAlias",
    "ConfigKeyError",
    "Domain",
    "DomainError",
    "DomainIndexError",
    "Identifier",
    "Identity",
    "InfiniteDomainError",
    "Option",
    "ParameterError",
    "PredicateError",
    "SeedError",
    "SpecError",
    "UpdateError",
    "UpdateRule",
    "WeightError",
    "When",
    "WhenError",
    "ZipError",
    "__version__",
    "experiment_seed",
    "make_rng",
    "make_seed_sequence",
]
