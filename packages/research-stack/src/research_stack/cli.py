"""The command ``research``: look at folders of results, export them, go on with them, remove them.

Each subcommand is a function that adds itself to the parser and names the function that runs it.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from research_results import ResearchResults, ResultsError, remove_research
from research_runner import Research, RunnerError
from research_runner.profiling import Profiler
from research_stack.code_shown import code_text, diff_text

if TYPE_CHECKING:
    Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

__all__ = ["main"]

Command: TypeAlias = Callable[[argparse.Namespace], int]


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
        130 after Ctrl-C. Wrong arguments exit with 2.

    Examples
    --------
    >>> import tempfile
    >>> main(['ls', tempfile.mkdtemp()])
    no research here
    0
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    run: Command = arguments.run
    try:
        return run(arguments)
    except (ResultsError, RunnerError, OSError) as error:
        _say("\n".join([f"research: {error}", *getattr(error, "__notes__", ())]), to_error=True)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="research", description="Look at folders of results.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in _COMMANDS:
        add(commands)
    return parser


def _add_ls(commands: Subparsers) -> None:
    command = commands.add_parser("ls", help="list the researches in a folder")
    command.add_argument("folder", nargs="?", default=".", help="where to look, by default here")
    command.set_defaults(run=_ls)


def _add_show(commands: Subparsers) -> None:
    command = commands.add_parser("show", help="show what became of a research")
    command.add_argument("name", help="folder of the research")
    shown = command.add_mutually_exclusive_group()
    shown.add_argument("--failures", action="store_true", help="show why experiments failed")
    shown.add_argument("--profile", action="store_true", help="show where the time went, by unit")
    shown.add_argument("--code", action="store_true", help="show the modules that experiments ran with")
    command.add_argument(
        "--diff",
        action="store_true",
        help="with --code: what differs between its versions, and from the last one to the files",
    )
    command.set_defaults(run=_show)


def _add_export(commands: Subparsers) -> None:
    command = commands.add_parser("export", help="write all results into one file")
    command.add_argument("name", help="folder of the research")
    command.add_argument("--to", required=True, metavar="FILE", help="a file that ends in .csv or .parquet")
    command.add_argument("--aliases", action="store_true", help="aliases of parameters instead of values")
    command.set_defaults(run=_export)


def _add_resume(commands: Subparsers) -> None:
    text = "go on with a research that did not come to its end; this runs the code that is kept in its folder"
    command = commands.add_parser("resume", help=text, description=text)
    command.add_argument("name", help="folder of the research")
    command.add_argument("--retry-failed", action="store_true", help="run failed experiments again")
    command.add_argument("--force", action="store_true", help="even if units have changed")
    command.set_defaults(run=_resume)


def _add_rm(commands: Subparsers) -> None:
    command = commands.add_parser("rm", help="remove a research with everything in its folder")
    command.add_argument("name", help="folder of the research")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--force", action="store_true", help="also a folder that is no research, or in use")
    command.set_defaults(run=_rm)


_COMMANDS = (_add_ls, _add_show, _add_export, _add_resume, _add_rm)


def _ls(arguments: argparse.Namespace) -> int:
    """List the researches in a folder, by name."""
    rows = []
    for path in sorted(Path(arguments.folder).iterdir()):
        if not (path / "research.json").is_file():
            continue
        try:
            rows.append((path.name, _states(ResearchResults(path).counts)))
        except ResultsError as error:
            rows.append((path.name, f"cannot be read: {error}"))
    width = max((len(_printable(name)) for name, _ in rows), default=0)
    for name, text in rows:
        _say(f"{_printable(name):<{width}}  {text}")
    if not rows:
        _say("no research here")
    return 0


def _states(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "no experiments"


def _show(arguments: argparse.Namespace) -> int:
    """Show the summary of a research, or why its experiments failed, or the code that they ran with."""
    if arguments.diff and not arguments.code:
        _say("research: --diff goes with --code", to_error=True)
        return 2
    if arguments.code:
        for text in diff_text(arguments.name) if arguments.diff else code_text(arguments.name):
            _say(text)
        return 0
    if arguments.profile:
        _say(_profile_text(Research.load(arguments.name).profiler))
        return 0
    results = ResearchResults(arguments.name)
    if not arguments.failures:
        _say(str(results.summary()))
        return 0
    report, lost = results.failure_report(), results.counts.get("lost", 0)
    _say(str(report))
    _say(f"{report.failed} failed" + (f", {lost} interrupted" if lost else ""))
    return 0


def _profile_text(profiler: Profiler) -> str:
    """Return where the time went: the functions below the units where they were measured."""
    if not len(profiler):
        return "no profile is stored; measure one with run(profile=True)"
    table = profiler.show_profile_info(detailed=True, limit=20)
    return str(table.to_string(index=False, float_format=lambda seconds: f"{seconds:.4f}"))


def _export(arguments: argparse.Namespace) -> int:
    """Write results into one file."""
    results = ResearchResults(arguments.name)
    writers = {".csv": results.to_csv, ".parquet": results.to_parquet}
    suffix = Path(arguments.to).suffix.lower()
    if suffix not in writers:
        _say(f"research: --to {arguments.to!r} must end in .csv or .parquet", to_error=True)
        return 1
    _say(str(writers[suffix](arguments.to, use_alias=arguments.aliases)))
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    """Go on with a research; the code is 1 if any of its experiments has failed."""
    research = Research.load(arguments.name, trusted=True)
    research.run(resume="force" if arguments.force else True, retry_failed=arguments.retry_failed)
    failed = research.monitor.failed_experiments
    if failed:
        _say(f"{failed} failed, see: research show {shlex.quote(arguments.name)} --failures", to_error=True)
    return 1 if failed else 0


def _rm(arguments: argparse.Namespace) -> int:
    """Remove a research after asking."""
    if not arguments.yes:
        if not arguments.force:
            _say(str(ResearchResults(arguments.name).summary()))
        _say(f"Remove {arguments.name!r} and everything in it? Type yes: ", end="")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            _say("kept")
            return 1
    remove_research(arguments.name, force=arguments.force)
    return 0


def _printable(text: str) -> str:
    """Return text without characters that could move a terminal's cursor; lines and tabs stay."""
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else repr(letter)[1:-1] for letter in text
    )


def _say(text: str, *, end: str = "\n", to_error: bool = False) -> None:
    stream = sys.stderr if to_error else sys.stdout
    stream.write(_printable(text) + end)
    stream.flush()
