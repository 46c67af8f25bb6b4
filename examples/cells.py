"""Which of three models tells malignant cells best? A study on scikit-learn's bundled data of breast cancer.

Logistic regression, nearest neighbours and a forest, each with parameters of its own, are joined with ``+``,
and each is tried with and without scaling. A config is repeated five times with its own split of the 569
patients; its errors on patients that it has not seen are counted apart for malignant cells, which nobody
should miss, and for benign ones.

Run it with ``python examples/cells.py``; it writes the folder ``cells`` and the picture ``cells.png``.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers share the cores, not each model

import matplotlib as mpl
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from research_stack import EC, E, O, Option, Research, ResearchResults, compare

regressions = Option("model", ["regression"]) * Option("strength", [0.01, 1.0, 100.0])
neighbours = Option("model", ["neighbours"]) * Option("count", [1, 5, 25])
forests = Option("model", ["forest"]) * Option("depth", [2, 4, 8])


def split_patients(random: Any) -> tuple[Any, ...]:
    """Split the patients into two thirds to learn from and one third to be tested on."""
    cells, is_benign = load_breast_cancer(return_X_y=True)
    seed = int(random.integers(2**31))
    return tuple(train_test_split(cells, is_benign, test_size=1 / 3, random_state=seed, stratify=is_benign))


def make(model: str, scaled: bool, seed: int, strength: float = 1.0, count: int = 5, depth: int = 4) -> Any:
    """Return a model that has learnt nothing yet."""
    models = {
        "regression": LogisticRegression(C=strength, solver="liblinear"),
        "neighbours": KNeighborsClassifier(count),
        "forest": RandomForestClassifier(30, max_depth=depth, random_state=seed),
    }
    return make_pipeline(StandardScaler(), models[model]) if scaled else models[model]


def check(data: tuple[Any, ...], random: Any, **config: Any) -> dict[str, float]:
    """Train a model and return the shares of unseen malignant and benign cells that it gets wrong."""
    train, test, answers, is_benign = data
    said = make(seed=int(random.integers(2**31)), **config).fit(train, answers).predict(test)
    return {
        "missed": float((said[is_benign == 0] == 1).mean()),
        "alarms": float((said[is_benign == 1] == 0).mean()),
    }


def main() -> None:
    research = Research(
        "cells", (regressions + neighbours + forests) * Option("scaled", [False, True]), n_reps=5
    )
    research.add_callable("data", split_patients, random=E().random)
    research.add_callable(
        "check", check, data=O("data"), random=E().random, kwargs=EC(), save_output_dict=True
    )
    results = research.run(workers=2, seed=7).results

    print(results.best("missed"))
    print("\nConfigs that no other one beats in both:")
    print(results.best(["missed", "alarms"]))
    print("\nThe three models:")
    print(results.aggregate("missed", by="model", at="last", stats=["mean", "std", "count"]))
    print("\nWhat scaling changes:")
    print(compare(*(ResearchResults("cells", scaled=scaled) for scaled in (False, True)), variables="missed"))

    mpl.use("Agg")
    results.plot(["missed", "alarms"], kind="box", scaled=True).savefig("cells.png", dpi=120)

    best = results.best("missed", n=1)
    print(f"\nThe model to use, which misses {best[0].statistics['missed']['mean']:.1%}:")
    print(make(**best.configs[0], seed=0))
    print("Results are in the folder cells, errors of the models in cells.png.")


if __name__ == "__main__":
    main()
