"""Everything that is run on this repository; `nox` runs the default sessions.

Tests of a package run against the built wheels of what it declares and nothing else of ours, so that an
undeclared import fails. Wheels are installed by path: no published sibling is ever taken in their place.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True

os.environ["UV_COMPILE_BYTECODE"] = "1"  # tests start processes by the hundreds, and each would compile anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROOT = Path(__file__).parent
DIST = ROOT / "dist"
PROJECTS = {
    path.parent.name: nox.project.load_toml(path) for path in sorted(ROOT.glob("packages/*/pyproject.toml"))
}
IMPORTS = {name: name.replace("-", "_") for name in PROJECTS}
SOURCES = [f"packages/{name}/src" for name in PROJECTS]
PYTHONS = nox.project.python_versions(PROJECTS["research-domain"])
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"

nox.options.sessions = [
    "lint",
    "build",
    "typing",
    "imports",
    f"tests-{CURRENT}",
    f"integration-{CURRENT}",
    "docs",
]

each_package = nox.parametrize("package", list(PROJECTS), ids=list(PROJECTS))

APART = ("tests-integration/interop", "tests-integration/ray")
"""Tests that need a package of their own, and have a session of their own."""

FAIL_IF_IMPORTABLE = (
    "import sys, importlib.util as u; bad = [n for n in sys.argv[1:] if u.find_spec(n)];"
    "sys.exit(f'undeclared siblings importable: {bad}' if bad else 0)"
)


def requirements(package: str) -> list[str]:
    """Return what the package declares, siblings included."""
    declared: list[str] = PROJECTS[package]["project"].get("dependencies", [])
    return declared


def closure(package: str) -> list[str]:
    """Return the package and the siblings it declares, transitively."""
    found: list[str] = []
    todo = [package]
    while todo:
        name = todo.pop()
        if name not in found:
            found.append(name)
            names = [canonicalize_name(Requirement(line).name) for line in requirements(name)]
            todo += [sibling for sibling in names if sibling in PROJECTS]
    return found


def wheels(session: nox.Session, *packages: str) -> list[str]:
    """Return the paths of built wheels; build them first if they are missing or older than their sources."""
    if not wheels_are_fresh():
        build_all(session)
    return [str(path) for package in packages for path in DIST.glob(f"{IMPORTS[package]}-*.whl")]


def wheels_are_fresh() -> bool:
    """Whether there is a wheel of each package that is younger than everything that goes into it."""
    built = list(DIST.glob("*.whl"))
    if len(built) != len(PROJECTS):
        return False
    oldest = min(path.stat().st_mtime for path in built)
    parts = [*ROOT.glob("packages/*/src/**/*.py"), *ROOT.glob("packages/*/*.*")]
    return max(path.stat().st_mtime for path in parts) < oldest


def build_all(session: nox.Session) -> None:
    """Build every sdist, then each wheel from its sdist."""
    session.install("build", "hatchling", "uv")
    shutil.rmtree(DIST, ignore_errors=True)
    for name in PROJECTS:
        session.run(
            "python", "-m", "build", "--no-isolation", f"--outdir={DIST}", f"packages/{name}", silent=True
        )


def install(session: nox.Session, package: str, *extra: str) -> None:
    """Install the wheels of the declared closure, and make sure that nothing else of ours is there."""
    groups = nox.project.dependency_groups(PROJECTS[package], "tests")
    session.install(*wheels(session, *closure(package)), *groups, *extra)
    strangers = [IMPORTS[name] for name in PROJECTS if name not in closure(package)]
    session.run("python", "-I", "-c", FAIL_IF_IMPORTABLE, *strangers)


def install_everything(session: nox.Session, *extra: str) -> None:
    """Install all wheels."""
    session.install(*wheels(session, *PROJECTS), *extra)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install("ruff==0.17.6")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def build(session: nox.Session) -> None:
    """Build sdists and wheels, and check their metadata."""
    build_all(session)
    session.install("twine")
    session.run("twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))


@nox.session
def typing(session: nox.Session) -> None:
    """Check all types, and the examples of the public API as a user's type checker sees them."""
    install_everything(
        session, "mypy", "pandas-stubs", "types-tqdm", "scipy-stubs", "types-psutil", "matplotlib", "pyarrow"
    )
    session.run("mypy", *SOURCES)
    session.run("mypy", "tests-integration/typing_examples.py")


@nox.session
def imports(session: nox.Session) -> None:
    """Check that imports only point downwards."""
    install_everything(session, "import-linter", "grimp")
    session.run("lint-imports", "--no-cache")


@nox.session(python=PYTHONS)
@each_package
def tests(session: nox.Session, package: str) -> None:
    """Test one built wheel with only its declared dependencies; its docstring examples as well."""
    install(session, package)
    session.run(
        "pytest",
        f"packages/{package}/tests",
        "--doctest-modules",
        "--pyargs",
        IMPORTS[package],
        *session.posargs,
    )


@nox.session(python=PYTHONS)
@each_package
def minimums(session: nox.Session, package: str) -> None:
    """Test one built wheel with the lowest versions that it declares."""
    declared = [Requirement(line) for name in closure(package) for line in requirements(name)]
    floors = {
        canonicalize_name(each.name): f"{each.name}=={spec.version}"
        for each in declared
        if canonicalize_name(each.name) not in PROJECTS
        for spec in each.specifier
        if spec.operator == ">="
    }
    install(session, package, *floors.values())
    session.run("pytest", f"packages/{package}/tests", *session.posargs)


@nox.session(python=PYTHONS)
def integration(session: nox.Session) -> None:
    """Test all wheels together."""
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "integration")
    install_everything(session, *groups)
    session.run("pytest", "tests-integration", *map("--ignore={}".format, APART), *session.posargs)


@nox.session
def interop(session: nox.Session) -> None:
    """Run real pipelines of the published batchflow package."""
    install_everything(session, "pytest", "pytest-timeout", "batchflow")  # pandas comes with results
    session.run("pytest", "tests-integration/interop", *session.posargs)


@nox.session
def ray(session: nox.Session) -> None:
    """Run the tests of the Ray backend."""
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "integration")
    install_everything(session, *groups, "ray[client]")
    session.run("pytest", "tests-integration/ray", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Run every example of the docs, then build them; warnings are errors."""
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "docs")
    install_everything(session, *groups)
    session.run("pytest", "docs", *session.posargs)
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session
def demo(session: nox.Session) -> None:
    """Run the study on handwritten digits."""
    install_everything(session, "scikit-learn", "matplotlib")
    session.run("python", "examples/digits.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Run benchmarks: `nox -s bench -- domain runner`, all by default."""
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "bench")
    install_everything(session, *groups)
    names = session.posargs or sorted(path.stem for path in ROOT.glob("benchmarks/[!_]*.py"))
    for name in names:
        session.run("python", f"benchmarks/{name}.py")
