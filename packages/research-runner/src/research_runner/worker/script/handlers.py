"""Log handlers for standard streams: described in the script, and created again in a worker."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from research_experiment.capture import captured
from research_runner.pool import wire
from research_runner.worker.output import STREAMS

_OWN: Final = ("_closed", "_name", "console", "filters", "formatter", "level", "lock", "stream")
_STYLES: Final = {logging.StrFormatStyle: "{", logging.StringTemplateStyle: "$"}


class StandardStream:
    """Writes to what a standard stream is at that moment; handlers keep the one that was there at first.

    Outside of experiments whose output is caught it writes to the `original` instead, if there is one.
    """

    def __init__(self, name: str, original: Any = None) -> None:
        self.name = f"<{name}>"
        self._stream_name = name
        self._original = original

    @property
    def _target(self) -> Any:
        if self._original is None:
            return getattr(sys, self._stream_name)
        stream = captured(self._stream_name)
        return self._original if stream is None else stream

    def write(self, text: str) -> int:
        """Write a text, if there is such a stream."""
        target = self._target
        if target is not None:
            target.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream, if there is one."""
        target = self._target
        if target is not None:
            target.flush()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return bool(getattr(self._target, "isatty", bool)())

    @property
    def encoding(self) -> str:
        """The encoding of the stream."""
        return getattr(self._target, "encoding", None) or "utf-8"


@dataclass(frozen=True, slots=True)
class HandlerRecord:
    """What a handler is made of."""

    stream: str  # the standard stream that it writes to; empty for a `logging.NullHandler`
    level: int
    name: str | None
    parts: bytes  # formatter, filters, class and attributes, with their code

    def make(self) -> logging.Handler:
        """Make the handler in this process; plain if its class cannot be loaded."""
        handler: logging.Handler
        if not self.stream:
            return logging.NullHandler(self.level)
        formatter, filters, cls, attributes = wire.load_code(self.parts)
        stream: Any = StandardStream(self.stream)
        handler = logging.StreamHandler(stream)
        if cls is not None:
            basics = vars(handler)
            handler = cls.__new__(cls)
            handler.__dict__.update(basics)
            handler.__dict__.update(attributes)
            handler.createLock()
        handler.setLevel(self.level)
        handler.setFormatter(formatter)
        handler.filters[:] = filters
        if self.name:
            handler.set_name(self.name)
        return handler


def describe_handler(handler: logging.Handler, leave: Callable[[str], None]) -> HandlerRecord | None:
    """Return what a handler is made of, None if it stays behind; `leave` is told what does."""
    if type(handler) is logging.NullHandler:
        return HandlerRecord("", handler.level, handler.name, b"")
    stream = _stream_of(handler)
    if stream is None:
        leave(f"the handler {handler!r}")
        return None
    try:
        filters = wire.dump_code(handler.filters)
    except Exception as error:  # noqa: BLE001 - whatever the user's objects raise
        leave(f"the handler {handler!r}, as its filters cannot travel ({error})")
        return None
    del filters
    formatter = _travelling_formatter(handler, leave)
    try:
        parts = wire.dump_code((formatter, handler.filters, *_class_of(handler)))
    except Exception:  # noqa: BLE001 - as above
        leave(f"the class of the handler {handler!r}, which is a plain StreamHandler there")
        parts = wire.dump_code((formatter, handler.filters, None, {}))
    return HandlerRecord(stream, handler.level, handler.name, parts)


def _class_of(handler: logging.Handler) -> tuple[Any, dict[str, Any]]:
    """Return class and attributes of a handler that is not a plain one."""
    if isinstance(vars(type(handler)).get("stream"), property) or type(handler) is logging.StreamHandler:
        return None, {}
    if not isinstance(handler, logging.StreamHandler):
        raise TypeError("what it writes to is its own")
    return type(handler), {key: value for key, value in vars(handler).items() if key not in _OWN}


def _travelling_formatter(handler: logging.Handler, leave: Callable[[str], None]) -> logging.Formatter | None:
    formatter = handler.formatter
    try:
        wire.dump_code(formatter)
    except Exception as error:  # noqa: BLE001 - as above
        leave(f"the formatter of {handler!r} except for its format, as it cannot travel ({error})")
        made = getattr(formatter, "_style", None)
        style: Any = next((style for cls, style in _STYLES.items() if isinstance(made, cls)), "%")
        text, date = getattr(formatter, "_fmt", None), getattr(formatter, "datefmt", None)
        return logging.Formatter(text, date, style, validate=False)
    return formatter


def _stream_of(handler: logging.Handler) -> str | None:
    """Return the name of the standard stream that a handler writes to, None if it writes elsewhere."""
    if isinstance(handler, logging.FileHandler):
        return None
    stream = getattr(handler, "stream", None)
    if stream is None:  # as the handler of `rich`
        stream = getattr(getattr(handler, "console", None), "file", None)
    return None if stream is None else standard_name(stream)


def standard_name(stream: Any) -> str | None:
    """Return whether a stream is ``'stdout'`` or ``'stderr'``, None if it is neither.

    Examples
    --------
    >>> standard_name(sys.__stderr__)
    'stderr'
    """
    for name in STREAMS.values():
        if stream is getattr(sys, name) or stream is getattr(sys, f"__{name}__"):
            return name
    try:
        return STREAMS.get(stream.fileno())
    except Exception:  # noqa: BLE001 - a stream without a descriptor says so in its own way
        called = str(getattr(stream, "name", "")).strip("<>")
        return called if called in STREAMS.values() else None


def is_ours(handler: logging.Handler) -> bool:
    """Whether a handler is one of this package."""
    return type(handler).__module__.startswith("research_runner.")


@contextmanager
def routed_handlers() -> Iterator[None]:
    """Let handlers of the script that write to standard streams write where experiments do, in the block."""
    changed: list[tuple[Any, Any]] = []
    for weak in list(logging._handlerList):  # type: ignore[attr-defined]
        handler = weak()
        if not isinstance(handler, logging.StreamHandler) or isinstance(handler, logging.FileHandler):
            continue
        stream = vars(handler).get("stream")
        name = None if stream is None or isinstance(stream, StandardStream) else standard_name(stream)
        if name is not None:
            changed.append((handler, stream))
            handler.stream = StandardStream(name, stream)
    try:
        yield
    finally:
        for handler, stream in changed:
            if isinstance(vars(handler).get("stream"), StandardStream):  # a unit may have set another one
                handler.stream = stream
