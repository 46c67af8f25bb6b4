"""The parser of the command: one table of subcommands, from which the docs are made as well."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple

__all__ = ["COMMANDS", "Argument", "describe", "make_parser", "protect_objectives"]


class Argument(NamedTuple):
    """An argument of a subcommand, as `argparse` takes it; of those that exclude one may be given."""

    names: tuple[str, ...]
    options: dict[str, Any]
    excludes: bool = False


class Command(NamedTuple):
    """A subcommand: where its function is, what it does, and its arguments."""

    name: str
    function: str
    text: str
    arguments: tuple[Argument, ...]


def _arg(*names: str, **options: Any) -> Argument:
    return Argument(names, options)


def _one_of(name: str, text: str) -> Argument:
    return Argument((name,), {"action": "store_true", "help": text}, excludes=True)


_NAME = _arg("name", metavar="FOLDER", help="folder of the research")
_NAMES = _arg("names", metavar="FOLDER", nargs="+", help="folders of researches")
_JSON = _arg("--json", action="store_true", help="write JSON instead of text")
_WHERE = _arg(
    *("-w", "--where"),
    action="append",
    default=[],
    metavar="NAME=VALUE",
    help="only experiments with this value of a parameter; may be given several times",
)
_AT = _arg("--at", default=None, metavar="WHICH", help="last, best, or an iteration (default: last)")
_OVER = _arg(
    "--over", action="append", metavar="NAME", help="average over this parameter (default: repetition)"
)
_FORCE_RM = "also a folder that is no research, or in use"

_NO_OPTION: Final = re.compile(r"-(?![-\d]|[hw]$|n\d*$).+")
"""What begins with one dash and is neither an option of `best` and `table` nor a number."""


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
            _JSON,
        ),
    ),
    Command(
        "show",
        "reading:show",
        "show what became of a research, how far it is and when it will end",
        (
            _NAME,
            _one_of("--failures", "why experiments failed"),
            _one_of("--profile", "where the time went, by unit"),
            _one_of("--code", "the modules that experiments ran with"),
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
            _arg("-n", type=int, default=None, metavar="COUNT", help="how many configs (default: 5)"),
            _arg("--max", action="store_true", help="the larger the better"),
            *(_AT, _OVER, _WHERE, _JSON),
        ),
    ),
    Command(
        "table",
        "reading:table",
        "show the results as a table, or with --at or --mean one row for each config",
        (
            _NAME,
            _arg("variables", nargs="*", metavar="VARIABLE", help="which variables (default: all)"),
            _arg("-n", type=int, default=20, metavar="COUNT", help="how many rows (default: 20)"),
            _arg("--mean", action="store_true", help="mean and spread over repetitions"),
            *(_AT, _WHERE, _JSON),
        ),
    ),
    Command(
        "compare",
        "reading:compare",
        "compare researches or experiments: what differs, and variables by how much",
        (
            _arg(
                "names",
                nargs="+",
                metavar="STUDY",
                help="a folder, or FOLDER/ID for an experiment",
            ),
            _arg(
                "--variable",
                action="append",
                metavar="NAME",
                help="compare this variable; may be given several times (default: all)",
            ),
            *(_AT, _OVER, _WHERE, _JSON),
        ),
    ),
    Command(
        "failures",
        "reading:failures",
        "show why experiments failed, grouped by what they share",
        (_NAME, _WHERE, _JSON),
    ),
    Command(
        "logs",
        "watching:logs",
        "show the log of a research, or log and output of an experiment",
        (
            _NAME,
            _arg("id", nargs="?", metavar="ID", help="an experiment"),
            _arg("-f", "--follow", action="store_true", help="go on as long as the research runs"),
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
            _arg("file", nargs="?", metavar="FILE", help="a file that ends in .csv or .parquet"),
            _arg("--to", metavar="FILE", help="the same"),
            _arg("--aliases", action="store_true", help="aliases of parameters instead of values"),
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
        "rm",
        "changing:rm",
        "remove researches with everything in their folders",
        (
            _NAMES,
            _arg("--yes", action="store_true", help="do not ask"),
            _arg("--force", action="store_true", help=_FORCE_RM),
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
        exclusive = own.add_mutually_exclusive_group()
        for argument in command.arguments:
            (exclusive if argument.excludes else own).add_argument(*argument.names, **argument.options)
        own.set_defaults(run=_loader(command.function))
    return parser


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
    for names, options, _ in command.arguments:
        shown = ", ".join(names) if names[0].startswith("-") else options.get("metavar", names[0])
        if names[0].startswith("-") and "metavar" in options:
            shown += f" {options['metavar']}"
        if "choices" in options and names[0].startswith("-"):
            shown += f" {', '.join(options['choices'])}"
        lines.append(f"| `{shown}` | {options['help']} |")
    return "\n".join([*lines, ""])


def _usage(argument: Argument) -> str:
    names, options, _ = argument
    if not names[0].startswith("-"):
        name = str(options["metavar"])
        several = {"?": f"[{name}]", "+": f"{name}...", "*": f"[{name}...]"}
        return several.get(options.get("nargs", ""), name)
    value = options.get("metavar") or ("WHAT" if "choices" in options else "")
    return f"[{names[-1]} {value}]" if value else f"[{names[-1]}]"
