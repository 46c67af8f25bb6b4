"""Rules of research-search end experiments of a plain walk, the same ones however it is run."""

import pytest

from research_search import ASHA, Hyperband, Median, Threshold
from research_stack import EC, Domain, Research


def train(rate, width):
    for step in range(1, 28):
        yield abs(rate - 0.3) * width + 1 / step


def run(name, stop, **options):
    domain = Domain(width=[1, 2, 3]) * Domain(rate=[step / 12 for step in range(12)])
    research = Research(name, domain).add_generator(
        "train", train, rate=EC("rate"), width=EC("width"), save_to="loss"
    )
    return research.run(n_iters=27, stop=stop, bar=False, quiet=True, **options).results


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "stop",
    [ASHA("loss"), Hyperband("loss"), Median("loss", every=3), Threshold("loss", upper=1.2)],
    ids=lambda stop: type(stop).__name__,
)
def test_a_rule_ends_some_experiments_of_a_grid(stop):
    ended = run("one", stop, parallel=False).experiments["stopped"].notna()
    assert 0 < ended.sum() < len(ended)


def test_a_rule_ends_the_same_experiments_with_any_number_of_workers():
    one, two = run("one", ASHA("loss"), parallel=False), run("two", ASHA("loss"), workers=2)
    assert one.df.equals(two.df)
    assert one.experiments["stopped"].equals(two.experiments["stopped"])
