"""The entry point: from arguments to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from research_command.output import say
from research_command.parser import parse

CLOSED_PIPE = 141
"""What a shell says of a program that SIGPIPE ended: 128 + 13."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command ``research``.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments, by default those of the process.

    Returns
    -------
    int
        0 if all went well; 1 for an error, which is said on standard error, and if experiments have failed;
        130 after Ctrl-C; 141 if nobody reads what is written. Wrong arguments exit with 2.

    Examples
    --------
    >>> import tempfile
    >>> main(['ls', tempfile.mkdtemp()])
    no research here
    0
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed before the command began
            from research_runner.system.texts import text_stream  # late: nothing else here needs the runner

            setattr(sys, name, text_stream(open(os.devnull, "wb")))  # noqa: PTH123, SIM115
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # a result may have more digits than Python converts by itself
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        if given == ["--version"]:
            say(f"research {version('research-stack')}")
            return 0
        arguments = parse(given)
        return int(arguments.run(arguments))
    except BrokenPipeError:
        _silence()
        return CLOSED_PIPE
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not _is_told(error):
            raise
        say("\n".join([f"research: {error}", *getattr(error, "__notes__", ())]), to_error=True)
        return 1


def _is_told(error: Exception) -> bool:
    """Whether the text of an error is all that its reader needs."""
    if isinstance(error, OSError):
        return True
    from research_results import ResultsError

    runner = sys.modules.get("research_runner")  # what was not imported has raised nothing
    return isinstance(error, ResultsError) or (runner is not None and isinstance(error, runner.RunnerError))


def _silence() -> None:
    """Let nothing be written any more, also when the interpreter ends."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # no real stream
        return
