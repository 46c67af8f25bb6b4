"""The layout of configs in a DataFrame: which parameters become columns, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass

from research_results.reading.experiments import RESEARCH, ConfigParameter


@dataclass(frozen=True, slots=True)
class ConfigLayout:
    """The layout of configs in a DataFrame."""

    include_config: bool = True
    """Whether there are columns for them at all."""
    use_alias: bool = False
    """Aliases instead of names and values."""
    concat_config: bool = False
    """One column ``config`` of strings."""
    remove_auxilary: bool = True
    """Leave out repetition, updates and device, as far as they are not parameters."""
    drop_columns: bool = True
    """With `concat_config`, no columns for parameters; repetition, updates and device are none."""
    nullable: bool = False
    """Ints stay ints where a row lacks one, in columns of pandas' nullable types."""

    def shows(self, parameter: ConfigParameter) -> bool:
        """Tell whether a parameter has its own column; the research is next to the id instead."""
        if parameter is RESEARCH:
            return False
        if parameter.is_auxiliary:
            return not self.remove_auxilary
        return not (self.concat_config and self.drop_columns)
