"""Errors for names that a builder does not have, with what to use instead."""

from __future__ import annotations

from collections.abc import Mapping

_STARTED = (
    "running = experiment.init(index, config) starts one in this process, and running.{name} is what you want"
)

_INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(("call", "close", "is_alive", "is_failed", "results"), _STARTED),
    **dict.fromkeys(("profile_info", "show_profile_info"), _STARTED),
    "init": "research.experiment.init(index, config) starts one experiment of a research in this process",
    "create_stream": (
        "what experiments print is caught by run(redirect_stdout=..., redirect_stderr=...), "
        "or by Executor(..., capture=TextCapture())"
    ),
    "pop_index_keys": (
        "the keys of an id prefix are no part of a config any more, so there is nothing to remove; "
        "EC().remove_keys(config) leaves out repetition, updates and device"
    ),
}


def instead_of(name: str) -> str | None:
    """Return the sentence about a name that users of experiments know, None for any other."""
    if name not in _INSTEAD:
        return None
    return f"an Experiment only describes what is run and has no {name!r}: {_INSTEAD[name].format(name=name)}"
