"""Domains in writing: as plain nested dictionaries, as expressions and as tables."""

from research_domain.spec.dictionaries import from_spec, to_spec

__all__ = ["from_spec", "to_spec"]
