"""Everything that is run on this repository; `nox` runs the default sessions.

Tests of a package run against the built wheels of what it declares and nothing else of ours, so that an
undeclared import fails. Wheels are installed by path: no published sibling is ever taken in their place.

The tests of each package run on every supported Python that is found: on PATH, or among the versions of pyenv
and uv. One that is not found is skipped, and nox says so; `--extra-pythons` adds one by its path.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import nox
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

nox.needs_version = ">=2026.10"  # sessions that require others, run in parallel
nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.error_on_external_run = True

os.environ.pop(
    "PYTHONDONTWRITEBYTECODE", None
)  # tests start processes by the hundreds; each would compile anew

ROOT = Path(__file__).parent
DIST = ROOT / "dist"
PROJECTS = {
    path.parent.name: nox.project.load_toml(path) for path in sorted(ROOT.glob("packages/*/pyproject.toml"))
}
IMPORTS = {name: name.replace("-", "_") for name in PROJECTS}
SOURCES = [f"packages/{name}/src" for name in PROJECTS]
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = sorted({CURRENT, *nox.project.python_versions(PROJECTS["research-domain"])}, key=Version)

nox.options.sessions = [
    "lint",
    "build",
    f"integration-{CURRENT}",
    f"extras-{CURRENT}",
    "docs",
    f"minimums-{CURRENT}",
    "tests",
    "typing",
    "imports",
]
"""Sessions run beside each other and begin in this order: what takes long comes first."""


def size_of_tests(package: str) -> int:
    """Return how many bytes of tests a package has, which tells about how long they take."""
    return sum(path.stat().st_size for path in ROOT.glob(f"packages/{package}/tests/**/*.py"))


LARGEST_FIRST = sorted(PROJECTS, key=size_of_tests, reverse=True)
each_package = nox.parametrize("package", LARGEST_FIRST, ids=LARGEST_FIRST)

APART = ("tests-integration/interop", "tests-integration/ray")
"""Tests that need a package of their own, and have a session of their own."""

TOO_LARGE = ("ray", "torch")

LARGE_PARTS = ("faults", "runner")
"""Folders of integration tests that are a session of their own, because sessions run beside each other."""

LOWEST = ("--resolution=lowest-direct", "--only-binary=:all:")
"""Take the lowest versions that have a wheel for the Python in use."""

FAIL_IF_IMPORTABLE = (
    "import sys, importlib.util as u; bad = [n for n in sys.argv[1:] if u.find_spec(n)];"
    "sys.exit(f'undeclared siblings importable: {bad}' if bad else 0)"
)


def all_versions_of_pyenv() -> None:
    """Make every Python of pyenv count as found, and not only the one that it is set to."""

    def ask(*question: str) -> str:
        return subprocess.run(["pyenv", *question], check=True, capture_output=True, text=True).stdout.strip()

    if shutil.which("pyenv"):
        os.environ["PYENV_ROOT"] = ask("root")
        selected = ask("version-name").split(":")
        installed = [name for name in ask("versions", "--bare").splitlines() if "/" not in name]
        os.environ["PYENV_VERSION"] = ":".join(dict.fromkeys([*selected, *installed]))


all_versions_of_pyenv()


def requirements(package: str, *, extras: bool = False) -> list[str]:
    """Return what the package declares, siblings included."""
    project = PROJECTS[package]["project"]
    optional: dict[str, list[str]] = project.get("optional-dependencies", {}) if extras else {}
    return sum(optional.values(), project.get("dependencies", []))


def is_sibling(requirement: str) -> bool:
    """Whether a requirement is one of the packages here."""
    return canonicalize_name(Requirement(requirement).name) in PROJECTS


def floors(*packages: str, extras: bool = False) -> list[str]:
    """Return what packages declare besides each other."""
    declared = [line for name in packages for line in requirements(name, extras=extras)]
    return [line for line in declared if not is_sibling(line)]


def closure(package: str) -> list[str]:
    """Return the package and the siblings it declares, transitively."""
    found: list[str] = []
    todo = [package]
    while todo:
        name = todo.pop()
        if name not in found:
            found.append(name)
            todo += [Requirement(line).name for line in filter(is_sibling, requirements(name))]
    return found


def group(name: str, package: str | None = None) -> tuple[str, ...]:
    """Return a dependency group of a package, or of the whole."""
    project = PROJECTS[package] if package else nox.project.load_toml("pyproject.toml")
    return nox.project.dependency_groups(project, name)


def digest(paths: Iterable[Path]) -> str:
    """Return a digest of the names and the contents of files."""
    found = hashlib.sha256()
    for path in sorted(paths):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(f"{path.relative_to(ROOT)}\n{path.stat().st_size}\n".encode() + path.read_bytes())
    return found.hexdigest()


def built() -> list[Path]:
    """Return what has been built."""
    return sorted([*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")])


def wheels(session: nox.Session, packages: Iterable[str]) -> list[str]:
    """Return the paths of built wheels."""
    found = {name: next(DIST.glob(f"{IMPORTS[name]}-*.whl"), None) for name in packages}
    if missing := [name for name, path in found.items() if path is None]:
        session.error(f"no wheel of {', '.join(missing)} in {DIST}; run `nox -s build`")
    return [str(path) for path in found.values()]


def install(session: nox.Session, package: str, *extra: str) -> None:
    """Install the wheels of the declared closure, and make sure that nothing else of ours is there."""
    session.install(*wheels(session, closure(package)), *group("tests", package), *extra)
    strangers = [IMPORTS[name] for name in PROJECTS if name not in closure(package)]
    session.run("python", "-I", "-c", FAIL_IF_IMPORTABLE, *strangers)


def install_everything(session: nox.Session, *extra: str) -> None:
    """Install all wheels."""
    session.install(*wheels(session, PROJECTS), *extra)


def run_pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest by a script that costs nothing in workers, which run the main script again."""
    session.run("python", ".ci/pytest", *arguments, *session.posargs)


@nox.session(allow_parallel=True)
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install("ruff==0.17.6")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def build(session: nox.Session) -> None:
    """Build every sdist, then each wheel from its sdist, unless that is done; check their metadata."""
    stamp = DIST / "sources.sha256"
    sources = digest([*ROOT.glob("packages/*/src/**/*"), *ROOT.glob("packages/*/*")])
    if not stamp.exists() or stamp.read_text() != digest(built()) + sources:
        shutil.rmtree(DIST, ignore_errors=True)
        session.install("hatchling", "twine")
        for name in PROJECTS:
            session.run_install(
                *("uv", "build", "--quiet", "--no-build-isolation", "--out-dir", str(DIST)),
                f"packages/{name}",
            )
        session.run_install("twine", "check", "--strict", *map(str, built()))
        stamp.write_text(digest(built()) + sources)


@nox.session(requires=["build"], allow_parallel=True)
def typing(session: nox.Session) -> None:
    """Check all types, and the examples of the public API as a user's type checker sees them."""
    install_everything(
        session, "mypy", "pandas-stubs", "types-tqdm", "scipy-stubs", "types-psutil", "matplotlib", "pyarrow"
    )
    session.run("mypy", *SOURCES)
    session.run("mypy", "tests-integration/typing_examples.py")


@nox.session(requires=["build"], allow_parallel=True)
def imports(session: nox.Session) -> None:
    """Check that imports only point downwards."""
    install_everything(session, "import-linter", "grimp")
    session.run("lint-imports", "--no-cache")


@nox.session(python=PYTHONS, requires=["build"], allow_parallel=True)
@nox.parametrize("part", [*LARGE_PARTS, "others"], ids=[*LARGE_PARTS, "others"])
def integration(session: nox.Session, part: str) -> None:
    """Test all wheels together, in parts."""
    install_everything(session, *group("integration"))
    elsewhere = [
        f"--ignore={path}" for path in (*APART, *(f"tests-integration/{name}" for name in LARGE_PARTS))
    ]
    chosen = [f"tests-integration/{part}"] if part in LARGE_PARTS else ["tests-integration", *elsewhere]
    run_pytest(session, *chosen)


@nox.session(python=PYTHONS, requires=["build"], allow_parallel=True)
@each_package
def tests(session: nox.Session, package: str) -> None:
    """Test one built wheel with only its declared dependencies; its docstring examples as well."""
    install(session, package)
    run_pytest(session, f"packages/{package}/tests", "--doctest-modules", "--pyargs", IMPORTS[package])


@nox.session(python=PYTHONS, requires=["build"], allow_parallel=True)
@each_package
def minimums(session: nox.Session, package: str) -> None:
    """Test one built wheel with the lowest versions that it declares."""
    install(session, package, *floors(*closure(package)), *LOWEST)
    run_pytest(session, f"packages/{package}/tests")


@nox.session(python=PYTHONS, requires=["build"], allow_parallel=True)
def extras(session: nox.Session) -> None:
    """Test what needs an extra with the lowest versions of everything; some are too large for that."""
    declared = [line for line in floors(*PROJECTS, extras=True) if Requirement(line).name not in TOO_LARGE]
    install_everything(session, *declared, *group("integration"), *LOWEST)
    run_pytest(session, "tests-integration/dask")


@nox.session(requires=["build"], allow_parallel=True)
def interop(session: nox.Session) -> None:
    """Run real pipelines of the published batchflow package."""
    install_everything(session, *group("tests", "research-domain"), "batchflow")  # pandas comes with results
    run_pytest(session, "tests-integration/interop")


@nox.session(requires=["build"], allow_parallel=True)
def ray(session: nox.Session) -> None:
    """Run the tests of the Ray backend."""
    install_everything(session, *group("integration"), "ray[client]")
    run_pytest(session, "tests-integration/ray")


@nox.session(requires=["build"], allow_parallel=True)
def docs(session: nox.Session) -> None:
    """Run every example of the docs, then build them; warnings are errors."""
    install_everything(session, *group("docs"))
    run_pytest(session, "docs")
    drawn = [] if session.posargs else ["-t", "drawn"]  # by all pages, which just ran
    session.run("sphinx-build", "-W", "--keep-going", *drawn, "-b", "html", "docs", "docs/_build/html")


@nox.session(requires=["build"])
def demo(session: nox.Session) -> None:
    """Run the studies on handwritten digits and on cells."""
    install_everything(session, "scikit-learn", "matplotlib")
    for name in ("digits", "cells"):
        session.run("python", f"examples/{name}.py", *session.posargs)


@nox.session(requires=["build"])
def bench(session: nox.Session) -> None:
    """Run benchmarks, then fail if one failed: `nox -s bench -- domain runner`, all by default."""
    known = sorted(path.stem for path in ROOT.glob("benchmarks/[!_]*.py"))
    names = session.posargs or known
    if unknown := sorted(set(names) - set(known)):
        session.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(known)}")
    install_everything(session, *group("bench"))
    failed = []
    for name in names:
        try:
            session.run("python", f"benchmarks/{name}.py")
        except nox.command.CommandFailed:
            failed.append(name)
    if failed:
        session.error(f"missed a limit or failed: {', '.join(failed)}")
