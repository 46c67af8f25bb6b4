"""Which model reads handwritten digits best? A study on scikit-learn's bundled data.

Two families of models, each with parameters of its own, are joined with ``+``; every config is repeated three
times with its own split of the data. Models that learn step by step give a score after each step, the others
one at the end.

Run it with ``python examples/digits.py``; it writes the folder ``digits`` and the picture ``digits.png``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers share the cores, not each model

import matplotlib as mpl
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from research_stack import EC, E, O, Option, Research, ResearchResults, compare

STEPS = 12

networks = (
    Option("model", ["network"])
    * Option("units", [8, 16, 32, 64])
    * Option("rate", [0.001, 0.003, 0.01, 0.03])
)
forests = Option("model", ["forest"]) * Option("depth", [4, 8, 16]) * Option("features", [0.1, 0.3, 0.6])


def split_digits(random: Any) -> tuple[Any, ...]:
    """Split the 1,797 images of 8x8 pixels into two thirds to learn from and one third to score on."""
    images, labels = load_digits(return_X_y=True)
    seed = int(random.integers(2**31))
    return tuple(train_test_split(images / 16, labels, test_size=1 / 3, random_state=seed, stratify=labels))


def learn(
    data: tuple[Any, ...],
    random: Any,
    model: str,
    units: int = 0,
    rate: float = 0.0,
    depth: int = 0,
    features: float = 0.0,
) -> Iterator[float]:
    """Train a model and yield its score on unseen images: after each step if it can, else once."""
    train_x, test_x, train_y, test_y = data
    seed = int(random.integers(2**31))
    if model == "forest":
        forest = RandomForestClassifier(50, max_depth=depth, max_features=features, random_state=seed)
        yield forest.fit(train_x, train_y).score(test_x, test_y)
        return
    network = MLPClassifier((units,), learning_rate_init=rate, max_iter=1, warm_start=True, random_state=seed)
    for _ in range(STEPS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one step at a time never converges, which is what we want
            network.fit(train_x, train_y)
        yield network.score(test_x, test_y)


def best_of(model: str) -> ResearchResults:
    """Return the results of the best config of a family."""
    config = ResearchResults("digits", model=model).best("-score", n=1).configs[0]
    return ResearchResults("digits", config=config)


def main() -> None:
    research = Research("digits", networks + forests, n_reps=3)
    research.add_callable("data", split_digits, random=E().random)
    research.add_generator("score", learn, data=O("data"), random=E().random, kwargs=EC(), save_to="score")
    research.run(workers=2, seed=42)

    ranking = research.results.best("-score", n=len(networks + forests))
    print(ranking)
    first = ranking[0]
    print(
        f"\nThe best reads {first.statistics['score']['mean']:.1%} of unseen digits: {first.config.to_dict()}"
    )

    print("\nThe two families:")
    print(research.results.aggregate("score", by="model", at="last", stats=["mean", "std", "max", "count"]))
    print("\nThe best network and the best forest:")
    print(compare(best_of("network"), best_of("forest")))

    mpl.use("Agg")
    figure = research.results.plot("-score", model="network", by="rate", facets="units")
    figure.savefig("digits.png", dpi=120)
    print("\nResults are in the folder digits, learning curves in digits.png.")


if __name__ == "__main__":
    main()
