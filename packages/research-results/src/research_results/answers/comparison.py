"""How researches or experiments differ: parameters, variables, code and surroundings, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from research_results.answers.comparison_text import (
    differences_text,
    finals_text,
    rows_text,
    short_names,
    sides_text,
)
from research_results.answers.differences import Difference, Side, VariableOfConfigs
from research_results.answers.statistics import USUAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from research_domain import ConfigAlias
    from research_results.answers.surroundings import Facts, Row
    from research_results.reading.gather import Array, Ints


class Comparison:
    """How researches or experiments differ; ``print`` it.

    Attributes
    ----------
    sides : tuple of Side
        What is compared.
    differences : tuple of Difference
        Each variable on each side, over the configs that all sides have.
    shared : int
        How many configs are on all sides.

    Examples
    --------
    >>> from research_results import ResearchResults, compare
    >>> old, new = (ResearchResults('memory', dump_results=False) for _ in range(2))
    >>> for number, lr in enumerate((1, 2)):
    ...     old.put(str(number), {'loss': {0: 0.5 * lr}}, {'lr': lr, 'depth': 2})
    ...     new.put(str(number), {'loss': {0: 0.25 * lr}}, {'lr': lr, 'depth': 3})
    >>> comparison = compare(old, new)
    >>> print(comparison)
    research     memory    memory (2)
    experiments  2 queued  2 queued
    configs      2         2
    <BLANKLINE>
    parameter  memory  memory (2)
    depth           2  3
    <BLANKLINE>
    variable  configs   mean  difference     std  sem  research
    loss            2   0.75           -       -    -  memory
    loss            2  0.375      -0.375  0.1768    -  memory (2)
    <BLANKLINE>
    loss by config
    memory   memory (2)  difference  config
    0.5 (1)  0.25 (1)         -0.25  lr=1
    1 (1)    0.5 (1)           -0.5  lr=2
    <BLANKLINE>
    no difference in code, environment
    >>> comparison.differences[1].difference
    -0.375
    """

    def __init__(
        self,
        sides: Sequence[Side],
        facts: Facts,
        variables: Sequence[VariableOfConfigs],
        failed: Ints,
        configs: Sequence[ConfigAlias],
        columns: Sequence[tuple[str, Array]],
    ) -> None:
        self.sides = tuple(sides)
        self._facts = facts
        self._variables, self._failed = tuple(variables), failed
        self._configs, self._columns = tuple(configs), tuple(columns)
        names = [side.name for side in sides]
        self.differences = tuple(row for each in variables for row in each.differences(names))

    @property
    def shared(self) -> int:
        """How many configs have values of some variable on all sides."""
        masks = [variable.everywhere for variable in self._variables]
        return int(np.any(masks, axis=0).sum()) if masks else 0

    @property
    def parameters(self) -> pd.DataFrame:
        """The parameters that differ: a column for each side, with its values or None."""
        return self._frame("parameter", self._facts.parameters)

    @property
    def code(self) -> pd.DataFrame:
        """Versions of the code, and units and modules that differ, as digests."""
        return self._frame("code", self._facts.code)

    @property
    def environment(self) -> pd.DataFrame:
        """What differs of options of `run`, given seeds, hosts, devices, Python, packages and the commit.

        Of packages only those that all sides had imported.
        """
        return self._frame("environment", self._facts.environment)

    @property
    def variables(self) -> pd.DataFrame:
        """The `differences` as a DataFrame."""
        import pandas as pd

        names = ("variable", "research", "configs", "mean", "difference", "std", "sem")
        rows = [
            (row.variable, row.side, row.configs, row.mean, row.difference, row.std, row.sem)
            for row in self.differences
        ]
        return pd.DataFrame(rows, columns=list(names))

    @property
    def df(self) -> pd.DataFrame:
        """One row for each config, wherever it is.

        A DataFrame with the parameters that have several values on some side; for each variable and side the
        mean, its standard deviation, the number of repetitions, and the difference to the first side; for
        each side how many of its experiments failed, or were interrupted: these are in no mean.
        """
        from research_results.answers.aggregation import parameter_fields
        from research_results.frames.assembly import Field, make_frame

        fields = parameter_fields(self._columns)
        for variable in self._variables:
            for number, side in enumerate(self.sides):
                name = f"{variable.name}_{side.name}"
                fields += [
                    Field(name, variable.mean[:, number], False),
                    Field(f"{name}_std", variable.std[:, number], False),
                    Field(f"{name}_count", variable.count[:, number], False),
                ]
                if number:
                    change = variable.mean[:, number] - variable.mean[:, 0]
                    fields.append(Field(f"{name}_difference", change, False))
        fields += [
            Field(f"failed_{side.name}", self._failed[:, number], False)
            for number, side in enumerate(self.sides)
        ]
        return make_frame(fields, len(self._configs))

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as dicts and lists, for JSON; unknown values are None."""
        names = [side.name for side in self.sides]

        def by_side(rows: Sequence[Row]) -> list[dict[str, Any]]:
            return [
                {"name": name, "values": dict(zip(names, map(list, values), strict=True))}
                for name, values in rows
            ]

        return {
            "sides": [
                {"name": side.name, "path": side.path, "counts": dict(side.counts), "configs": side.configs}
                for side in self.sides
            ],
            "shared": self.shared,
            **{title: by_side(rows) for title, rows in self._facts._asdict().items()},
            "variables": [
                {name: _known(getattr(row, name)) for name in Difference.__slots__}
                for row in self.differences
            ],
            "configs": [
                {
                    "config": config.config().flatten(),
                    "failed": dict(zip(names, self._failed[index].tolist(), strict=True)),
                    "variables": {
                        each.name: {
                            name: {part: _known(getattr(each, part)[index, number].item()) for part in USUAL}
                            for number, name in enumerate(names)
                        }
                        for each in self._variables
                    },
                }
                for index, config in enumerate(self._configs)
            ],
        }

    def _frame(self, title: str, rows: Sequence[Row]) -> pd.DataFrame:
        import pandas as pd

        cells = [[name, *(", ".join(values) or None for values in own)] for name, own in rows]
        return pd.DataFrame(cells, columns=[title, *(side.name for side in self.sides)], dtype=object)

    def __repr__(self) -> str:
        return f"Comparison({', '.join(side.name for side in self.sides)!r})"

    def __str__(self) -> str:
        names = short_names(self.sides)
        blocks = [sides_text(names, self.sides)]
        if self._facts.parameters:
            blocks.append(rows_text("parameter", names, self._facts.parameters))
        if self.differences:
            blocks.append(differences_text(names, self.differences))
        blocks += [
            finals_text(names, variable, self._failed, self._configs)
            for variable in self._variables
            if variable.everywhere.any()
        ]
        facts = self._facts._asdict()
        blocks += [rows_text(title, names, facts[title]) for title in ("code", "environment") if facts[title]]
        same = [title for title, rows in facts.items() if not rows]
        return "\n\n".join([*blocks, *([f"no difference in {', '.join(same)}"] if same else [])])

    def _repr_html_(self) -> str:
        frames = [self.parameters, self.variables, self.df, self.code, self.environment]
        return "".join(frame.to_html(index=False) for frame in frames if len(frame))


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value
