"""The state of `logging`: levels, switches, filters and handlers of all loggers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from research_runner.pool import wire
from research_runner.worker.script.handlers import (
    HandlerRecord,
    StandardStream,
    describe_handler,
    is_ours,
    standard_name,
)

_LEVELS: Final = {0: "NOTSET", 10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}


@dataclass(frozen=True, slots=True)
class LoggerRecord:
    """What the script has told a logger."""

    level: int = logging.NOTSET
    disabled: bool = False
    propagate: bool = True
    handlers: tuple[int, ...] = ()  # indices of its handlers in the list of all
    filters: bytes = b""  # its filters, with their code; empty if it has none


_PLAIN: Final = LoggerRecord()


@dataclass(frozen=True, slots=True)
class LoggingRecord:
    """The state of `logging` in the script, as data."""

    # name → record, of loggers that the script has told something; ``''`` is the root
    loggers: Mapping[str, LoggerRecord] = field(default_factory=dict)
    plain: tuple[str, ...] = ()  # the names of all others
    handlers: tuple[HandlerRecord, ...] = ()  # those that travel
    disabled_up_to: int = 0  # what `logging.disable` was given
    level_names: Mapping[int, str] = field(default_factory=dict)  # levels that the script has named
    factory: bytes = b""  # what makes records, with its code; empty if it is that of Python
    captures_warnings: bool = False
    raises: bool = True
    has_last_resort: bool = True


def all_loggers() -> Iterator[tuple[str, logging.Logger]]:
    """Yield the loggers of this process by their names; the root has an empty one."""
    yield "", logging.root
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger):
            yield name, logger


def describe_logging(leave: Callable[[str], None]) -> LoggingRecord:
    """Return the state of logging in this process; `leave` is told what stays behind."""
    indices: dict[logging.Handler, int | None] = {}
    handlers: list[HandlerRecord] = []

    def index_of(handler: logging.Handler) -> int | None:
        if handler not in indices:
            record = describe_handler(handler, leave)
            indices[handler] = None if record is None else len(handlers)
            if record is not None:
                handlers.append(record)
        return indices[handler]

    loggers, plain = {}, []
    for name, logger in all_loggers():
        found = [index_of(handler) for handler in logger.handlers if not is_ours(handler)]
        record = LoggerRecord(
            logger.level,
            logger.disabled,
            logger.propagate,
            tuple(each for each in found if each is not None),
            _dump(logger.filters, f"the filters of the logger {name!r}", leave) if logger.filters else b"",
        )
        if record == _PLAIN:
            plain.append(name)
        else:
            loggers[name] = record
    factory = logging.getLogRecordFactory()
    return LoggingRecord(
        loggers,
        tuple(plain),
        tuple(handlers),
        logging.root.manager.disable,
        _level_names(),
        b"" if factory is logging.LogRecord else _dump(factory, "the factory of records", leave),
        logging._warnings_showwarning is not None,  # type: ignore[attr-defined]
        logging.raiseExceptions,
        logging.lastResort is not None,
    )


def _level_names() -> dict[int, str]:
    named = {level: logging.getLevelName(level) for level in logging.getLevelNamesMapping().values()}
    return {level: name for level, name in named.items() if _LEVELS.get(level) != name}


def _dump(value: object, what: str, leave: Callable[[str], None]) -> bytes:
    try:
        return wire.dump_code(value)
    except Exception as error:  # noqa: BLE001 - whatever the user's objects raise
        leave(f"{what}, which cannot travel ({error})")
        return b""


class LoggingState:
    """The state of logging in the script, in force in this process; `complain` is told what cannot load."""

    def __init__(self, record: LoggingRecord, complain: Callable[[str], None]) -> None:
        self._record = record
        self._complain = complain
        self._handlers = [self._handler(each) for each in record.handlers]
        self._filters = {
            name: self._load(each.filters) or [] for name, each in record.loggers.items() if each.filters
        }
        for level, name in record.level_names.items():
            logging.addLevelName(level, name)
        factory = self._load(record.factory)
        if factory is not None:
            logging.setLogRecordFactory(factory)
        logging.captureWarnings(record.captures_warnings)
        logging.raiseExceptions = record.raises
        if not record.has_last_resort:
            logging.lastResort = None
        logging.disable(record.disabled_up_to)
        for name in record.loggers:
            logging.getLogger(name)
        self._put(keep_others=False)

    def _handler(self, record: HandlerRecord) -> logging.Handler | None:
        try:
            return record.make()
        except Exception as error:  # noqa: BLE001 - whatever the code of the user raises while it loads
            self._complain(f"a handler of the script's logging cannot be made here: {error!r}")
            return None

    def _load(self, data: bytes) -> Any:
        try:
            return wire.load_code(data) if data else None
        except Exception as error:  # noqa: BLE001 - as above
            self._complain(f"a part of the script's logging cannot be loaded here: {error!r}")
            return None

    def assert_again(self) -> None:
        """Let the loggers that the script knew be what they were there; an import may have changed them.

        Handlers that write elsewhere than to standard streams, and are there by an import, stay.
        """
        self._put(keep_others=True)

    def _put(self, *, keep_others: bool) -> None:
        record, plain = self._record, set(self._record.plain)
        for name, logger in all_loggers():
            told = _PLAIN if name in plain else record.loggers.get(name)
            if told is None:
                continue
            own = [self._handlers[index] for index in told.handlers]
            handlers = [handler for handler in own if handler is not None]
            handlers += _kept(logger.handlers, handlers, keep_others)
            logger.handlers[:] = handlers
            logger.filters[:] = self._filters.get(name, [])
            logger.disabled, logger.propagate = told.disabled, told.propagate
            if logger.level != told.level:
                logger.setLevel(told.level)


def _kept(
    present: Iterable[logging.Handler], own: Iterable[logging.Handler], keep_others: bool
) -> list[logging.Handler]:
    """Return the handlers of a logger that stay beside those of the script."""
    return [
        handler
        for handler in present
        if handler not in own and (is_ours(handler) or (keep_others and not _is_standard(handler)))
    ]


def _is_standard(handler: logging.Handler) -> bool:
    stream = getattr(handler, "stream", None)
    if isinstance(handler, logging.NullHandler) or isinstance(stream, StandardStream):
        return True
    is_file = isinstance(handler, logging.FileHandler)
    return not is_file and stream is not None and standard_name(stream) is not None
