"""Running a research in a process of its own, which outlives the one that starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from research_domain.texts import decode_text
from research_runner.code.importing import decode_modules, install
from research_runner.code.record import CodeRecord
from research_runner.errors import RunnerError
from research_runner.loaded import LoadedResearch
from research_runner.pool import wire
from research_runner.recording.code import RunCode
from research_runner.settings.values import RunSettings

__all__ = ["DetachedRun", "start_detached"]

_STARTED: Final = b"started\n"
_FAILED: Final = b"failed\n"


class DetachedRun(LoadedResearch):
    """A research that was started by this process and runs in another one."""

    def execute(self, bar: object) -> None:
        """Nothing: it is already running."""


def start_detached(settings: RunSettings) -> DetachedRun:
    """Start a run in a separate process and wait until it has begun.

    Raises what the run raised before it began, or `RunnerError` if it could not even say why it did not
    begin.
    """
    assert settings.path is not None  # noqa: S101 - checked with the settings
    code = RunCode(settings, settings.path)
    header = code()
    payload = len(header).to_bytes(8) + header + wire.dump_code(settings, with_sources=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(  # noqa: S603 - our own module, in the interpreter that runs us
        [sys.executable, "-c", f"from {__name__} import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
    with process.stdout as answers:
        with process.stdin as orders:
            orders.write(payload)
        answer = answers.readline()
        if answer != _STARTED:
            rest = answers.read()
            process.wait()
            error = wire.loads(rest) if answer == _FAILED else None
            if isinstance(error, Exception):
                raise error
            text = decode_text(answer + rest).strip()
            raise RunnerError(f"the detached process could not begin: {text}")
    process.returncode = 0  # it is not our child to wait for any more
    return DetachedRun(str(settings.path), trusted=True)


def main() -> None:
    """Run what comes through the standard input; this is what the detached process does."""
    from research_runner.running.run import ResearchRun

    size = int.from_bytes(sys.stdin.buffer.read(8))
    encoded = sys.stdin.buffer.read(size)
    modules = decode_modules(encoded)[0] if encoded else ()
    install(modules)
    settings = wire.load_code(sys.stdin.buffer.read())
    try:
        run = ResearchRun(settings, CodeRecord(modules))
    except Exception as error:  # noqa: BLE001 - raised again by who started us
        sys.stdout.buffer.write(_FAILED + wire.dumps(error))
        return
    sys.stdout.buffer.write(_STARTED)
    sys.stdout.buffer.flush()
    _let_go(settings.path)
    run.execute(bar=False)


def _let_go(folder: Path) -> None:
    """Point the standard streams away from the process that started us."""
    nothing = os.open(os.devnull, os.O_RDWR)
    log = os.open(folder / "coordinator.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream, target in ((0, nothing), (1, log), (2, log)):
        os.dup2(target, stream)
    os.close(nothing)
    os.close(log)
