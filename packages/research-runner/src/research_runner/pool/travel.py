"""Whether the parts of the work can travel to a worker process."""

from __future__ import annotations

from collections.abc import Mapping

from research_runner.pool import wire
from research_runner.pool.channel import Channel
from research_runner.pool.errors import TravelError
from research_runner.pool.thread_signals import find_signal
from research_runner.pool.unpicklable import Culprit, blame, describe

_CANNOT_LEAVE = (
    "; make it inside the function that uses it, leave it out with __getstate__, "
    "or create it in each experiment with add_instance(...)"
)

_ONLY_A_COPY = (
    "a worker would get a copy of the {}, and what others do to theirs never reaches a copy; "
    "use a file, a proxy of multiprocessing.Manager(), or run(parallel=False)"
)


def serialise_part(name: str, part: object) -> bytes:
    """Serialise a part of the work with its code; `TravelError` names the part, and what in it is refused."""
    try:
        return wire.dump_code(part)
    except Exception as error:
        raise travel_error(name, blame(part, wire.dump_code, error), _CANNOT_LEAVE) from error


def refuse_signals(parts: Mapping[str, object]) -> None:
    """Refuse events, conditions and queues of threads, of which units would get copies: `TravelError`."""
    for name, part in parts.items():
        found = find_signal(part)
        if found is not None:
            path, signal = found
            kind = f"{type(signal).__module__}.{type(signal).__qualname__}"
            raise TravelError(name, path.removeprefix("."), _ONLY_A_COPY.format(kind))


def complaint(part: object) -> str:
    """Return why a part cannot be serialised, empty if it can."""
    try:
        wire.dump_code(part)
    except Exception as error:  # noqa: BLE001 - whatever the values raise that it refers to
        return f"{type(error).__name__}: {error}"
    return ""


def travel_error(name: str, culprit: Culprit, advice: str) -> TravelError:
    """Return the error for the culprit inside a part."""
    return TravelError(name, culprit.path.removeprefix("."), culprit.reason + advice)


def load_parts(channel: Channel) -> None:
    """Load the parts that arrive and answer each with the error, empty if there was none."""
    while True:
        blob = channel.recv()
        try:
            wire.load_code(blob)
        except Exception as error:  # noqa: BLE001 - the answer is the report
            channel.send(describe(error))
        else:
            channel.send("")
