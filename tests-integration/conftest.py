"""What the tests of several packages share; property tests are the same every time."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent.parent / "packages/research-results/tests"))  # its strategies
settings.register_profile("integration", deadline=None, derandomize=True)
settings.load_profile("integration")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def make_digits(monkeypatch):
    """Return a function that makes the study of handwritten digits, over a part of its domain.

    Its functions travel with their code, as they do when the example is run as a script.
    """
    path = Path(__file__).parent.parent / "examples" / "digits.py"
    spec = importlib.util.spec_from_file_location("digits_example", path)
    digits = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "digits_example", digits)
    spec.loader.exec_module(digits)

    def make(name):
        from research_stack import EC, E, O, Option, Research

        networks = Option("model", ["network"]) * Option("units", [8, 16]) * Option("rate", [0.003])
        forests = Option("model", ["forest"]) * Option("depth", [4]) * Option("features", [0.1, 0.3])
        return (
            Research(name, networks + forests, n_reps=2)
            .add_callable("data", digits.split_digits, random=E().random)
            .add_generator(
                "score", digits.learn, data=O("data"), random=E().random, kwargs=EC(), save_to="score"
            )
        )

    return make


@pytest.fixture
def search_is_as_here(own_folder):
    """Return a function that compares the table of a search on a backend with that of one in this process."""
    from research_search import ASHA, TPE
    from research_stack import EC, Domain, Research, loguniform

    def train(rate, model, width=1):
        for step in range(1, 10):
            yield abs(rate - 0.3) * width + 1 / step + (model == "tree") / 10

    def searched(name, **options):
        models = Domain(model=["tree"]) + Domain(model=["net"], width=[1, 2, 3])
        research = Research(own_folder / name, models * Domain(rate=loguniform(0.01, 1)), n_configs=16)
        research.add_generator("train", train, kwargs=EC(), save_to="loss")
        search = TPE("loss", stop=ASHA(), n_startup_trials=5)
        return research.run(n_iters=9, search=search, slots=4, seed=1, bar=False, **options).results

    def compare(backend):
        here, there = searched("here", parallel=False), searched("there", workers=2, backend=backend)
        assert there.df.equals(here.df)
        assert 0 < here.experiments["stopped"].notna().sum() < 16
        assert there.experiments["stopped"].equals(here.experiments["stopped"])

    return compare
