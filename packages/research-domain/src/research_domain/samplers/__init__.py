"""Samplers: values drawn at random.

``distributions``  the samplers that users create: by name, histograms, choices, constants
``_sampler``       their base class, and what its operators make: mixtures, stacks, arithmetic, limits
"""

from research_domain.samplers._sampler import Sampler
from research_domain.samplers.distributions import (
    ChoiceSampler,
    ConstantSampler,
    HistoSampler,
    LogUniformSampler,
    NumpySampler,
    ScipySampler,
    choice,
    integers,
    loguniform,
    uniform,
)

__all__ = [
    "ChoiceSampler",
    "ConstantSampler",
    "HistoSampler",
    "LogUniformSampler",
    "NumpySampler",
    "Sampler",
    "ScipySampler",
    "choice",
    "integers",
    "loguniform",
    "uniform",
]
