"""The state of `logging`, put back for the next task: levels, switches, filters and handlers of all loggers.

A process may have hundreds of loggers, so they are looked at only if something has happened to one of them:
`logging` empties its caches when a level changes, and lists all handlers in the order they were made in.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any, Final, TypeAlias

from research_runner.worker.restoring.parts import Glance, Part
from research_runner.worker.script.loggers import all_loggers
from research_runner.worker.script.surroundings import assert_logging

_MARK: Final = "research"
_Look: TypeAlias = tuple[int, Mapping[logging.Logger, tuple[Any, ...]]]


class LoggingPart(Part):
    """Levels, switches, filters and handlers of all loggers, without those of this package."""

    name = "the state of logging"

    def __init__(self) -> None:
        super().__init__()
        self._note()

    def look(self) -> _Look:
        """Return the states of all loggers."""
        return logging.root.manager.disable, {
            logger: _state(logger) for name, logger in all_loggers() if name.partition(".")[0] != "research"
        }

    def restore(self) -> None:
        """Make it what it was, if a logger was changed."""
        if any(look() != noted for look, noted in self._noted):
            super().restore()
            self._note()

    def glances(self) -> Iterable[Glance]:
        """Look whether a logger was changed."""
        return self._noted

    def _note(self) -> None:
        """Record what tells that a logger was changed."""
        cache, handlers = vars(logging.root)["_cache"], logging._handlerList[:]  # type: ignore[attr-defined]
        cache[_MARK] = True
        watched = {
            logger: state
            for logger, state in self._kept[1].items()
            if logger is logging.root or state[:3] != _UNTOUCHED[:3] or _says_something(state[3])
        }
        self._noted: list[Glance] = [
            (partial(cache.get, _MARK), True),
            (partial(vars(logging).get, "_handlerList"), handlers),
        ]
        for logger, state in watched.items():
            live = (*state[:3], *map(list, state[3:]))
            self._noted.append((partial(_live_state, logger), live))

    def put(self, kept: _Look, now: _Look) -> None:
        """Put back what differs, and close handlers that are new."""
        if now[0] != kept[0]:
            logging.disable(kept[0])
        known = {handler for state in kept[1].values() for handler in state[3]}
        for logger, state in now[1].items():
            before = kept[1].get(logger, _UNTOUCHED)
            if state != before:
                _put_one(logger, before)
                for handler in state[3]:
                    if handler not in known:
                        known.add(handler)
                        with contextlib.suppress(Exception):  # one of the user's may raise anything
                            handler.close()

    def adopt(self, before: _Look, after: _Look) -> None:
        """Keep what has changed between two looks."""
        level, states = self._kept
        changed = {
            logger: state for logger, state in after[1].items() if before[1].get(logger, _UNTOUCHED) != state
        }
        self._kept = after[0] if after[0] != before[0] else level, {**states, **changed}

    def adopt_again(self, before: _Look, after: _Look) -> None:
        """Keep new handlers that write to files and the like; all else is as in the script."""
        assert_logging()
        self.adopt(before, self.look())


_UNTOUCHED: Final[tuple[Any, ...]] = (logging.NOTSET, False, True, (), ())


_live_state: Final = attrgetter("level", "disabled", "propagate", "handlers", "filters")


def _state(logger: logging.Logger) -> tuple[Any, ...]:
    return logger.level, logger.disabled, logger.propagate, tuple(logger.handlers), tuple(logger.filters)


def _says_something(handlers: tuple[logging.Handler, ...]) -> bool:
    """Whether any of them is more than the `NullHandler` of a library."""
    return any(not isinstance(handler, logging.NullHandler) for handler in handlers)


def _put_one(logger: logging.Logger, state: tuple[Any, ...]) -> None:
    level, logger.disabled, logger.propagate, handlers, filters = state
    logger.handlers[:], logger.filters[:] = handlers, filters
    if logger.level != level:
        logger.setLevel(level)
