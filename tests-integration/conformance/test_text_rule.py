"""Text is written and read by one rule, which stands in one module of each package."""

import ast
from pathlib import Path

import pytest

import research_command
import research_domain
import research_experiment
import research_results
import research_runner
import research_stack

PACKAGES = (
    research_command,
    research_domain,
    research_experiment,
    research_results,
    research_runner,
    research_stack,
)
THE_RULE = {"research_domain/texts.py", "research_runner/system/texts.py"}
OF_THE_USER = {"research_runner/pool/resources.py", "research_runner/worker/restoring/parts.py"}
"""What the user opened is opened again as it was."""

STANDARD_LIBRARY_ONLY = {"research_runner/backends/cluster/ray/mailbox.py"}
"""Programs that run where nothing of ours is imported."""


def modules():
    """Yield each module of each package by its path."""
    for package in PACKAGES:
        root = Path(package.__file__).parent
        for path in sorted(root.rglob("*.py")):
            yield pytest.param(path, id=path.relative_to(root.parent).as_posix())


TEXT_OPTIONS = {"mode", "buffering", "encoding", "errors", "newline"}


def texts(call):
    """Return what a call is given as literal strings."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return [each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def is_text(call):
    """Tell whether a call opens or converts text by a rule of its own."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    keywords = {keyword.arg for keyword in call.keywords}
    modes = [text for text in texts(call) if set(text) <= set("rwaxbt+")]
    if name in ("open", "fdopen"):
        of_a_path = isinstance(function, ast.Attribute) and name == "open"
        if of_a_path and ast.unparse(function.value) == "self":
            return False
        opens_a_file = not of_a_path or modes or keywords & TEXT_OPTIONS or not call.args
        return bool(opens_a_file) and not any("b" in mode for mode in modes)
    if name in ("read_text", "write_text"):
        return isinstance(function, ast.Attribute)
    if name in ("encode", "decode"):
        return not {"replace", "backslashreplace", "ignore"}.isdisjoint(texts(call))
    if name in ("run", "Popen", "check_output"):
        return not {"text", "encoding", "universal_newlines", "errors"}.isdisjoint(keywords)
    return name in ("TextIOWrapper", "FileHandler", "RotatingFileHandler", "NamedTemporaryFile", "makefile")


@pytest.mark.parametrize("path", list(modules()))
def test_no_module_opens_text_by_itself(path, request):
    if request.node.callspec.id in THE_RULE | OF_THE_USER | STANDARD_LIBRARY_ONLY:
        return
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    own = [f"line {call.lineno}: {ast.unparse(call)}" for call in calls if is_text(call)]
    assert not own, f"use the texts module of the package: {own}"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("open(path)", True),
        ("open(path, 'a', encoding='utf-8')", True),
        ("open(path, 'rb')", False),
        ("path.open()", True),
        ("path.open('w')", True),
        ("path.open('wb')", False),
        ("os.fdopen(fd)", True),
        ("os.open(path, flags)", False),
        ("storage_class.open(path)", False),
        ("self.open()", False),
        ("path.read_text()", True),
        ("read_text(path)", False),
        ("data.decode('utf-8', 'replace')", True),
        ("data.decode('utf-8', errors='ignore')", True),
        ("text.encode('utf-8', 'surrogatepass')", False),
        ("subprocess.run(command, text=True)", True),
        ("logging.FileHandler(path)", True),
    ],
)
def test_the_check_finds_what_it_looks_for(code, found):
    assert is_text(ast.parse(code, mode="eval").body) is found
