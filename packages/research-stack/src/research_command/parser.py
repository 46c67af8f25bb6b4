"""The parser of the command: one table of subcommands, from which the docs are made as well."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple


class Argument(NamedTuple):
    """An argument of a subcommand, as `argparse` takes it."""

    names: tuple[str, ...]
    options: dict[str, Any]


class Command(NamedTuple):
    """A subcommand: where its function is, what it does, and its arguments."""

    name: str
    function: str
    text: str
    arguments: tuple[Argument, ...]


def _arg(*names: str, **options: Any) -> Argument:
    return Argument(names, options)


_NAME = _arg("name", metavar="FOLDER", help="folder of the research")
_NAMES = _arg("names", metavar="FOLDER", nargs="+", help="folders of researches")
_JSON = _arg("--json", action="store_true", help="write JSON instead of text")
_WHERE = _arg(
    *("-w", "--where"),
    action="append",
    default=[],
    metavar="NAME=VALUE",
    help="only experiments with this value of a parameter; of several values any will do",
)
_TAG = _arg(
    "--tag", action="append", metavar="TAG", help="only experiments with this tag; may be given several times"
)
_EXPERIMENT = _arg(
    *("-x", "--experiment"),
    action="append",
    metavar="ID",
    help="an experiment instead of the whole research; may be given several times",
)
_AT = _arg("--at", default=None, metavar="WHICH", help="last, best, or an iteration (default: last)")
_OVER = _arg(
    "--over", action="append", metavar="NAME", help="average over this parameter (default: repetition)"
)
_FORCE_RM = "also a folder that is no research, or in use"

_NO_OPTION: Final = re.compile(r"-(?![-\d]|[hw]$|n\d*$).+")
"""What begins with one dash and is neither an option of `best` and `table` nor a number."""


def _count(text: str) -> int:
    """Read how many there are to be."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"a positive whole number, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    """Read a time in seconds."""
    seconds = float(text)
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"a positive number of seconds, got {text!r}")
    return seconds


COMMANDS: Final = (
    Command(
        "ls",
        "reading:ls",
        "list the researches in a folder and the folders in it",
        (
            _arg("folder", nargs="?", default=".", metavar="FOLDER", help="where to look (default: here)"),
            _arg(
                "--sort",
                choices=("name", "date", "size", "progress"),
                default="name",
                help="what to sort by (default: name); the newest, largest or furthest first",
            ),
            _arg("--tag", action="append", metavar="TAG", help="only researches with this tag"),
            _JSON,
        ),
    ),
    Command(
        "show",
        "reading:show",
        "show what became of a research, how far it is and when it will end",
        (
            _NAME,
            _arg("--failures", action="store_true", help="why experiments failed, and nothing else"),
            _arg("--profile", action="store_true", help="where the time went, by unit"),
            _arg("--code", action="store_true", help="the modules that experiments ran with"),
            _arg(
                "--diff",
                action="store_true",
                help="with --code: what differs between its versions, and from the last one to the files",
            ),
            _JSON,
        ),
    ),
    Command(
        "best",
        "reading:best",
        "rank configs by a variable, or find the Pareto set of several; -loss means: the larger the better",
        (
            _NAME,
            _arg("objectives", nargs="+", metavar="VARIABLE", help="what to compare by"),
            _arg("-n", type=_count, default=None, metavar="COUNT", help="how many configs (default: 5)"),
            _arg("--max", action="store_true", help="the larger the better"),
            *(_AT, _OVER, _WHERE, _TAG, _JSON),
        ),
    ),
    Command(
        "table",
        "reading:table",
        "show the results as a table, or with --at or --mean one row for each config",
        (
            _NAME,
            _arg("variables", nargs="*", metavar="VARIABLE", help="which variables (default: all)"),
            _arg("-n", type=_count, default=20, metavar="COUNT", help="how many rows (default: 20)"),
            _arg("--mean", action="store_true", help="mean and spread over repetitions"),
            *(_AT, _WHERE, _TAG, _JSON),
        ),
    ),
    Command(
        "compare",
        "reading:compare",
        "compare researches or experiments: what differs, and variables by how much",
        (
            _arg("names", nargs="+", metavar="STUDY", help="a folder, or FOLDER/ID for an experiment"),
            _arg(
                "--variable",
                action="append",
                metavar="NAME",
                help="compare this variable; may be given several times (default: all)",
            ),
            *(_AT, _OVER, _WHERE, _TAG, _JSON),
        ),
    ),
    Command(
        "failures",
        "reading:failures",
        "show why experiments failed, grouped by what they share",
        (_NAME, _WHERE, _TAG, _JSON),
    ),
    Command(
        "logs",
        "watching:logs",
        "show the log of a research, or log and output of an experiment",
        (
            _NAME,
            _arg("id", nargs="?", metavar="ID", help="an experiment"),
            _arg("-f", "--follow", action="store_true", help="go on as long as the research runs"),
            _arg("--json", action="store_true", help="write a line of JSON for each line"),
        ),
    ),
    Command(
        "watch",
        "watching:watch",
        "watch a research that runs until it ends",
        (
            _NAME,
            _arg(
                "--every",
                type=_seconds,
                default=1.0,
                metavar="SECONDS",
                help="between two looks (default: 1)",
            ),
            _arg("--json", action="store_true", help="write a line of JSON for each change"),
        ),
    ),
    Command(
        "export",
        "changing:export",
        "write all results into one file",
        (
            _NAME,
            _arg(
                "file",
                nargs="?",
                metavar="FILE",
                help="a file that ends in .csv, .parquet, .json, .xlsx, .sqlite, .duckdb, .nc or .zarr",
            ),
            _arg("--to", metavar="FILE", help="the same"),
            _arg("--aliases", action="store_true", help="aliases of parameters instead of values"),
            *(_WHERE, _TAG),
        ),
    ),
    Command(
        "resume",
        "changing:resume",
        "go on with a research that did not come to its end; this runs the code that is kept in its folder",
        (
            _NAME,
            _arg("--retry-failed", action="store_true", help="run failed experiments again"),
            _arg("--force", action="store_true", help="even if units have changed"),
        ),
    ),
    Command(
        "stop",
        "changing:stop",
        "end runs: what runs may end, and nothing new is started",
        (
            _NAMES,
            _arg("--wait", action="store_true", help="return when they have ended"),
            _arg("--kill", action="store_true", help="kill what runs, and return when it is gone"),
        ),
    ),
    Command(
        "try",
        "changing:try_config",
        "put a config into a search that runs, to be tried next",
        (_NAME, _arg("config", metavar="CONFIG", help="JSON like '{\"lr\": 0.1}'")),
    ),
    Command(
        "rm",
        "changing:rm",
        "remove researches with everything in their folders, or experiments of one",
        (
            _NAMES,
            _EXPERIMENT,
            _arg("--undo", action="store_true", help="bring removed experiments back, by default all"),
            _arg("--yes", action="store_true", help="do not ask"),
            _arg("--force", action="store_true", help=_FORCE_RM),
        ),
    ),
    Command(
        "gc",
        "curating:gc",
        "delete the values and files of removed experiments for good",
        (_NAMES, _arg("--yes", action="store_true", help="do not ask")),
    ),
    Command(
        "tag",
        "curating:tag",
        "show, add and take away tags and notes of a research or of its experiments",
        (
            _NAME,
            _arg("tags", nargs="*", metavar="TAG", help="to add; without tags they are shown"),
            _EXPERIMENT,
            _arg("--remove", action="store_true", help="take the tags away"),
            _arg("--note", metavar="TEXT", help="write a note; an empty one removes it"),
            *(_WHERE, _JSON),
        ),
    ),
    Command(
        "completion",
        "changing:completion",
        "print a script that completes commands and options in a shell",
        (_arg("shell", choices=("bash", "zsh"), metavar="SHELL", help="bash or zsh"),),
    ),
)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; ``run`` of what it parses is the function of the subcommand."""
    parser = argparse.ArgumentParser(prog="research", description="Look at folders of results.")
    parser.add_argument("--version", action="store_true", help="print the version")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        own = subparsers.add_parser(command.name, help=command.text, description=command.text)
        for names, options in command.arguments:
            own.add_argument(*names, **options)
        own.set_defaults(run=_loader(command.function), command=command)
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the arguments of the command, its own words before, between and behind options.

    `argparse` of Python 3.11 takes words that may be left out only where they stand together.

    Examples
    --------
    >>> parse(['logs', 'study', '-f', 'c3be-0']).id
    'c3be-0'
    """
    parser = make_parser()
    arguments, rest = parser.parse_known_args(protect_objectives(argv))
    names = [each.names[0] for each in arguments.command.arguments if each.options.get("nargs") in ("?", "*")]
    if not rest or len(names) != 1 or any(word.startswith("-") for word in rest):
        return parser.parse_args(protect_objectives(argv)) if rest else arguments
    found = getattr(arguments, names[0])
    if isinstance(found, list):
        found += rest
    elif len(rest) == 1 and found is None:
        setattr(arguments, names[0], rest[0])
    else:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return arguments


def _loader(function: str) -> Callable[[argparse.Namespace], int]:
    """Return what imports and calls the function of a subcommand."""

    def run(arguments: argparse.Namespace) -> int:
        module, _, name = function.partition(":")
        return int(getattr(import_module(f"research_command.{module}"), name)(arguments))

    return run


def protect_objectives(argv: Sequence[str]) -> list[str]:
    """Return arguments in which ``-accuracy`` is no option: a space is put before it.

    Examples
    --------
    >>> protect_objectives(['best', 'study', '-accuracy', '-n', '3'])
    ['best', 'study', ' -accuracy', '-n', '3']
    """
    if not argv or argv[0] not in ("best", "table"):
        return list(argv)
    return [f" {word}" if _NO_OPTION.fullmatch(word) else word for word in argv]


def describe() -> str:
    """Return the commands with their arguments in Markdown, for the docs."""
    return "\n".join(_describe(command) for command in COMMANDS)


def _describe(command: Command) -> str:
    usage = " ".join(["research", command.name, *map(_usage, command.arguments)])
    lines = [f"### {command.name}", "", f"{command.text[0].upper()}{command.text[1:]}.", ""]
    lines += ["```text", usage, "```", "", "| argument | |", "|---|---|"]
    for names, options in command.arguments:
        shown = ", ".join(names) if names[0].startswith("-") else options.get("metavar", names[0])
        if names[0].startswith("-") and "metavar" in options:
            shown += f" {options['metavar']}"
        if "choices" in options and names[0].startswith("-"):
            shown += f" {', '.join(options['choices'])}"
        lines.append(f"| `{shown}` | {options['help']} |")
    return "\n".join([*lines, ""])


def _usage(argument: Argument) -> str:
    names, options = argument
    if not names[0].startswith("-"):
        name = str(options["metavar"])
        several = {"?": f"[{name}]", "+": f"{name}...", "*": f"[{name}...]"}
        return several.get(options.get("nargs", ""), name)
    value = options.get("metavar") or ("WHAT" if "choices" in options else "")
    return f"[{names[-1]} {value}]" if value else f"[{names[-1]}]"
