"""The language of `when`: the iterations in which something happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from research_domain.errors import WhenError

__all__ = ["When"]


@dataclass(frozen=True, slots=True)
class When:
    """Iterations in which something is done.

    Parameters
    ----------
    periods : tuple of int
        Every n-th iteration, ``(iteration + 1) % n == 0``.
    exact : frozenset of int
        Exactly these iterations, zero-based.
    last : bool
        The last iteration.

    Examples
    --------
    >>> when = When.parse(['%5', 3, 'last'])
    >>> [i for i in range(10) if when.due(i, last=i == 9)]
    [2, 5, 8, 9]
    """

    periods: tuple[int, ...] = ()
    exact: frozenset[int] = frozenset()
    last: bool = False

    @classmethod
    def parse(cls, value: Any) -> When:
        """Read what users write.

        Parameters
        ----------
        value : int, str, list of them, or When
            ``n``: every n-th iteration; ``'%k'`` or ``'#k'``: exactly iteration k, zero-based;
            ``'last'``: the last one; a list, tuple or set: any of its members.

        Returns
        -------
        When

        Raises
        ------
        WhenError
            If it is none of these.
        """
        if isinstance(value, When):
            return value
        members = tuple(value) if isinstance(value, list | tuple | set | frozenset) else (value,)
        if not members:
            raise WhenError(value, "it has no members, and nothing would ever be done")
        periods, exact, last = set(), set(), False
        for member in members:
            if isinstance(member, str):
                if member == "last":
                    last = True
                elif member[:1] in ("%", "#") and member[1:].isdecimal():
                    exact.add(int(member[1:]))
                else:
                    raise WhenError(value, f"{member!r} cannot be understood")
            elif isinstance(member, bool) or not hasattr(member, "__index__"):
                raise WhenError(value, f"{member!r} is {type(member).__name__}")
            elif (period := int(member)) < 1:
                raise WhenError(value, f"a period of {period} iterations never comes")
            else:
                periods.add(period)
        return cls(tuple(sorted(periods)), frozenset(exact), last)

    @property
    def always(self) -> bool:
        """Whether every iteration is due."""
        return 1 in self.periods

    def due(self, iteration: int, last: bool = False) -> bool:
        """Tell whether an iteration is one of these.

        Parameters
        ----------
        iteration : int
            Number of the iteration, zero-based.
        last : bool
            Whether it is the last one.
        """
        if (last and self.last) or iteration in self.exact:
            return True
        return any((iteration + 1) % period == 0 for period in self.periods)
