"""Failures: what is kept of a unit that failed."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["FAILURES_LOGGER", "Failure"]

FAILURES_LOGGER: Final = "research.experiment.failures"
"""Name of the logger that gets each failure with its traceback; its records carry ``experiment_id``."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Everything about a failure as text, so that it survives where the exception itself would not.

    Parameters
    ----------
    type : str
        Qualified name of the exception class.
    message : str
        The text of the exception.
    traceback : str
        The full traceback, with causes.
    unit : str or None
        Name of the unit or instance.
    iteration : int
        Zero-based iteration.
    experiment_id : str
        The experiment that failed.
    config : mapping
        Alias of each parameter → alias of its value.
    cause : str
        ``'exception'`` here; a runner adds its own, such as ``'signal'`` or ``'timeout'``.
    host, device : str or None
        Where it happened: name of the host, and of the devices that the worker had; a runner adds them.

    Examples
    --------
    >>> failure = Failure.of(ValueError("too small"), unit="train", iteration=3, experiment_id="x", config={})
    >>> print(failure)
    ValueError: too small (unit 'train', iteration 3, experiment x)
    """

    type: str
    message: str
    traceback: str
    unit: str | None
    iteration: int
    experiment_id: str
    config: Mapping[str, str] = field(default_factory=dict)
    cause: str = "exception"
    host: str | None = None
    device: str | None = None

    @classmethod
    def of(
        cls,
        error: BaseException,
        *,
        unit: str | None,
        iteration: int,
        experiment_id: str,
        config: Mapping[str, str],
    ) -> Failure:
        """Describe an exception that was just caught.

        Parameters
        ----------
        error : BaseException
            The exception, with its traceback.
        unit, iteration, experiment_id, config
            Where it happened; see the fields of this class.

        Returns
        -------
        Failure
            Plain texts and numbers only.
        """
        return cls(
            type=_class_name(error),
            message=_message(error),
            traceback=_traceback(error),
            unit=unit,
            iteration=iteration,
            experiment_id=experiment_id,
            config=dict(config),
        )

    @property
    def where(self) -> str:
        """Unit, iteration and experiment in words."""
        unit = "saving its values" if self.unit is None else f"unit {self.unit!r}"
        return f"{unit}, iteration {self.iteration}, experiment {self.experiment_id}"

    def __str__(self) -> str:
        return f"{self.type}: {self.message} ({self.where})"


def _class_name(error: BaseException) -> str:
    cls = type(error)
    return (
        cls.__qualname__
        if cls.__module__ in ("builtins", "__main__")
        else f"{cls.__module__}.{cls.__qualname__}"
    )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - a user's __str__ may raise anything
        return f"<{type(error).__name__} whose text cannot be made: {type(broken).__name__}>"


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        return "".join(traceback.format_tb(error.__traceback__)) + _class_name(error)
