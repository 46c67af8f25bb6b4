"""Lazy algebra of parameter spaces.

``domain``    Domain, Option: spaces of parameters
``algebra``   what a domain consists of, and the operators of domains
``choices``   Choices: what a domain leaves open, as questions for searches
``iteration`` IterParams and the ways through a domain
``samplers``  samplers, uniform, loguniform, integers, choice: values drawn at random
``spec``      domains as plain nested dictionaries and as text
``updates``   UpdateRule: how a domain is replaced
``alias``     Alias, ConfigAlias: readable names beside values
``config``    Config: nested dictionaries with paths
``when``      When: which iterations something happens in
``seeds``     seeds and generators
``values``    digest, same, is_plain: what a value is, and which values are the same
``identity``  Identifier, Identity: who an experiment is
``failure_groups``  failures of experiments, and the parameters that tell them from the rest
``texts``     text to bytes and back: the one rule of all packages
``lazy_exports``  exports of a package that are imported on first use
``errors``    everything that is raised

Modules in folders are internal, but for ``samplers``: what users need of them is imported from here.
"""

from typing import TYPE_CHECKING

from research_domain._version import __version__
from research_domain.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from research_domain.algebra._filters import Constraint
    from research_domain.alias import AUXILIARY_KEYS, Alias, AuxiliaryKey, ConfigAlias
    from research_domain.choices import Category, Choice, Choices, Integer, Real
    from research_domain.config import Config
    from research_domain.domain import Domain, Option
    from research_domain.errors import (
        AliasError,
        ChoiceError,
        ConfigKeyError,
        DomainError,
        DomainIndexError,
        DomainWarning,
        InfeasibleError,
        InfiniteDomainError,
        ParameterError,
        PredicateError,
        SamplerError,
        SeedError,
        SpecError,
        UpdateError,
        WeightError,
        WhenError,
        ZipError,
    )
    from research_domain.failure_groups import FailedExperiment, FailureGroup, FailureReport, group_failures
    from research_domain.identity import Identifier, Identity
    from research_domain.iteration import IterParams
    from research_domain.samplers import (
        ChoiceSampler,
        ConstantSampler,
        HistoSampler,
        NumpySampler,
        Sampler,
        ScipySampler,
        choice,
        integers,
        loguniform,
        uniform,
    )
    from research_domain.seeds import experiment_seed, make_rng, make_seed_sequence
    from research_domain.updates import UpdateRule
    from research_domain.values import digest, is_plain, same
    from research_domain.when import When

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "research_domain.algebra._filters": ("Constraint",),
        "research_domain.alias": ("AUXILIARY_KEYS", "Alias", "AuxiliaryKey", "ConfigAlias"),
        "research_domain.choices": ("Category", "Choice", "Choices", "Integer", "Real"),
        "research_domain.config": ("Config",),
        "research_domain.domain": ("Domain", "Option"),
        "research_domain.errors": (
            "AliasError",
            "ChoiceError",
            "ConfigKeyError",
            "DomainError",
            "DomainIndexError",
            "DomainWarning",
            "InfeasibleError",
            "InfiniteDomainError",
            "ParameterError",
            "PredicateError",
            "SamplerError",
            "SeedError",
            "SpecError",
            "UpdateError",
            "WeightError",
            "WhenError",
            "ZipError",
        ),
        "research_domain.failure_groups": (
            "FailedExperiment",
            "FailureGroup",
            "FailureReport",
            "group_failures",
        ),
        "research_domain.identity": ("Identifier", "Identity"),
        "research_domain.iteration": ("IterParams",),
        "research_domain.samplers": (
            "ChoiceSampler",
            "ConstantSampler",
            "HistoSampler",
            "NumpySampler",
            "Sampler",
            "ScipySampler",
            "choice",
            "integers",
            "loguniform",
            "uniform",
        ),
        "research_domain.seeds": ("experiment_seed", "make_rng", "make_seed_sequence"),
        "research_domain.updates": ("UpdateRule",),
        "research_domain.values": ("digest", "is_plain", "same"),
        "research_domain.when": ("When",),
    },
)

__all__ = [
    "AUXILIARY_KEYS",
    "Alias",
    "AliasError",
    "AuxiliaryKey",
    "Category",
    "Choice",
    "ChoiceError",
    "ChoiceSampler",
    "Choices",
    "Config",
    "ConfigAlias",
    "ConfigKeyError",
    "ConstantSampler",
    "Constraint",
    "Domain",
    "DomainError",
    "DomainIndexError",
    "DomainWarning",
    "FailedExperiment",
    "FailureGroup",
    "FailureReport",
    "HistoSampler",
    "Identifier",
    "Identity",
    "InfeasibleError",
    "InfiniteDomainError",
    "Integer",
    "IterParams",
    "NumpySampler",
    "Option",
    "ParameterError",
    "PredicateError",
    "Real",
    "Sampler",
    "SamplerError",
    "ScipySampler",
    "SeedError",
    "SpecError",
    "UpdateError",
    "UpdateRule",
    "WeightError",
    "When",
    "WhenError",
    "ZipError",
    "__version__",
    "choice",
    "digest",
    "experiment_seed",
    "group_failures",
    "integers",
    "is_plain",
    "loguniform",
    "make_rng",
    "make_seed_sequence",
    "same",
    "uniform",
]
