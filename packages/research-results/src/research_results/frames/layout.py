"""Layout of configs in a frame."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ConfigLayout"]


@dataclass(frozen=True, slots=True)
class ConfigLayout:
    """How configs stand in a frame.

    Attributes
    ----------
    include_config : bool
        Whether there are columns for them at all.
    use_alias : bool
        Aliases instead of names and values.
    concat_config : bool
        One column ``config`` of strings.
    remove_auxilary : bool
        Leave out repetition, device and updates.
    drop_columns : bool
        With `concat_config`, no columns for parameters.
    """

    include_config: bool = True
    use_alias: bool = False
    concat_config: bool = False
    remove_auxilary: bool = True
    drop_columns: bool = True
