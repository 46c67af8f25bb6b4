"""Configs that are put into a running search through the folder of its research.

Whoever puts one in leaves a file in ``tries``. The run takes the oldest one when its search would choose a
config, and writes a line to ``tries.jsonl`` before anything follows from it: for whoever waits for an answer,
and for a resumed run, which takes the same config at the same question.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from research_domain import ConfigAlias
from research_domain.texts import decode_text
from research_experiment.careful_logging import careful_logger
from research_runner.recording.folder import write_in, write_whole
from research_runner.scheduling.by_hand import Admit, ByHand
from research_runner.system.own_files import read_own
from research_runner.system.texts import append_text
from research_runner.system.transient import keep_trying

_LOG: Final = careful_logger("research.run")
_REQUESTS: Final = "tries"
_ANSWERS: Final = "tries.jsonl"


class FolderTries(ByHand):
    """Takes configs from the folder of a research; does not wait for a full disk when the run is ending."""

    def __init__(self, folder: Path, is_ending: Callable[[], bool] = lambda: False) -> None:
        self._folder, self._is_ending = folder, is_ending
        lines, is_cut_off = _answers(folder)
        if is_cut_off:
            write_whole(folder / _ANSWERS, _text(lines).encode())
        self._answered = {line["request"] for line in lines}
        self._taken = {line["question"]: line["config"] for line in lines if "question" in line}

    def take(self, number: int, admit: Admit, is_new: bool) -> ConfigAlias | None:
        """Return the config that was taken at this question, or the oldest one that waits."""
        if number in self._taken:
            try:
                return admit(self._taken[number])
            except Exception as error:  # noqa: BLE001 - of a domain that has changed, and its functions
                _LOG.warning("a config that was put in is not tried again: %s", error)
                return None
        waiting = sorted((self._folder / _REQUESTS).glob("*.json")) if is_new else ()
        for path in waiting:
            config = None if path.stem in self._answered else self._new(path, number, admit)
            path.unlink(missing_ok=True)
            if config is not None:
                return config
        return None

    def _new(self, path: Path, number: int, admit: Admit) -> ConfigAlias | None:
        """Take a config that waits; None if it is refused."""
        config = None
        answer: dict[str, Any] = {"request": path.stem}
        try:
            plain = json.loads(read_own(path))
            config = admit(plain)
        except Exception as error:  # noqa: BLE001 - what others wrote, and functions of the domain
            answer["refused"] = str(error)
        else:
            answer |= {"question": number, "config": plain}
            self._taken[number] = plain
        text = _text([answer])
        keep_trying(lambda: append_text(self._folder / _ANSWERS, text), self._is_ending)
        self._answered.add(path.stem)
        _LOG.info("put in by hand: %s", text.strip())
        return config


def put_in(folder: Path, config: Mapping[str, Any]) -> str:
    """Leave a config for the search that runs in a folder; return what :func:`answer_to` takes.

    TypeError or ValueError if JSON has nothing for one of its values.
    """
    request = f"{time.time_ns()}-{os.getpid()}"
    text = json.dumps(dict(config), allow_nan=False)
    write_in(folder / _REQUESTS / f"{request}.json", text.encode())
    return request


def answer_to(folder: Path, request: str) -> Mapping[str, Any] | None:
    """Return what became of a config: ``{'question': number, ...}``, ``{'refused': reason}``, or None."""
    return next((line for line in _answers(folder)[0] if line["request"] == request), None)


def _answers(folder: Path) -> tuple[list[dict[str, Any]], bool]:
    """Return all answers, and whether the last one was cut off."""
    try:
        *lines, rest = decode_text(read_own(folder / _ANSWERS)).split("\n")
    except FileNotFoundError:
        return [], False
    return [json.loads(line) for line in lines], bool(rest)


def _text(lines: list[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(line)}\n" for line in lines)
