"""Values drawn at random: samplers, the operators that combine them, and distributions by name."""

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
from research_domain.samplers.sampler import Sampler

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
