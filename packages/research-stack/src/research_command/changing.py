"""Commands that change a research: export, resume, stop, try, rm, completion."""

from __future__ import annotations

import argparse
import json
import shlex

from research_command.curating import rm_experiments
from research_command.filtering import filters_of
from research_command.output import is_confirmed, refuse, say
from research_command.parser import COMMANDS, Argument


def export(arguments: argparse.Namespace) -> int:
    """Write results into one file."""
    from research_results import ResearchResults

    results, file = ResearchResults(arguments.name), arguments.file or arguments.to
    if file is None or (arguments.file and arguments.to):
        return refuse("give one file to write to: research export FOLDER FILE")
    options = filters_of(arguments)
    if arguments.aliases:
        options["use_alias"] = True
    say(str(results.export(file, **options)))
    return 0


def resume(arguments: argparse.Namespace) -> int:
    """Continue a research; the code is 1 if any of its experiments has failed."""
    from research_runner import Research

    research = Research.load(arguments.name, trusted=True)
    research.run(resume="force" if arguments.force else True, retry_failed=arguments.retry_failed)
    failed = research.monitor.failed_experiments
    if failed:
        say(f"{failed} failed, see: research show {shlex.quote(arguments.name)} --failures", to_error=True)
    return 1 if failed else 0


def stop(arguments: argparse.Namespace) -> int:
    """End runs in the processes that run them."""
    from research_runner import Research

    for name in arguments.names:
        research = Research.load(name)
        if research.is_finished:
            say(f"{name}: is not running")
            continue
        research.terminate(kill_processes=arguments.kill, wait=arguments.kill or arguments.wait)
        say(f"{name}: {'ended' if research.is_finished else 'ends when what runs has ended'}")
    return 0


def try_config(arguments: argparse.Namespace) -> int:
    """Put a config into a running search."""
    from research_runner import Research

    config, problem = None, ""
    try:
        config = json.loads(arguments.config)
    except ValueError as error:
        problem = f": {error}"
    if not isinstance(config, dict):
        return refuse(f"a config is JSON like '{{\"lr\": 0.1}}', got {arguments.config}{problem}")
    question = Research.load(arguments.name).try_config(config)
    when = "when the search chooses its next config" if question is None else f"next, as question {question}"
    say(f"{arguments.name}: is tried {when}")
    return 0


def rm(arguments: argparse.Namespace) -> int:
    """Remove researches, each after asking, or experiments of one, which can be undone."""
    from research_results import ResearchResults, remove_research

    if arguments.experiment or arguments.undo:
        return rm_experiments(arguments)
    kept = False
    for name in arguments.names:
        if not arguments.yes:
            if not arguments.force:
                say(str(ResearchResults(name).summary()))
            if not is_confirmed(f"Remove {name!r} and everything in it?"):
                kept = True
                continue
        remove_research(name, force=arguments.force)
    return int(kept)


def completion(arguments: argparse.Namespace) -> int:
    """Print a script for the shell: ``eval "$(research completion bash)"``."""
    names = " ".join(command.name for command in COMMANDS)
    cases = "\n".join(
        f"    {command.name}) words='{' '.join(sorted(_options(command.arguments)))}' ;;"
        for command in COMMANDS
    )
    if arguments.shell == "zsh":
        say("autoload -U +X bashcompinit && bashcompinit")
    say(
        f"""_research() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
  case "${{COMP_WORDS[1]}}" in
{cases}
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="{names} --version --help"
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  [ "$COMP_CWORD" -gt 1 ] && [[ "$word" != -* ]] && COMPREPLY+=($(compgen -d -- "$word"))
}}
complete -o filenames -F _research research"""
    )
    return 0


def _options(arguments: tuple[Argument, ...]) -> list[str]:
    names = [name for argument in arguments for name in argument.names if name.startswith("--")]
    return [*names, "--help"]
