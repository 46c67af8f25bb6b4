"""Which model reads handwritten digits best? A search, where ``digits.py`` goes through a grid.

Two families of models have parameters of their own, most of them continuous. TPE chooses the next config
by what is known, and ASHA ends experiments that are not among the best third of those that came as far. The
results are the same with any number of workers; after a kill, ``research resume digits_search`` goes on.

Run it with ``python examples/digits_search.py``; it takes less than a minute and writes the folder
``digits_search``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers share the cores, not each model

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier

from research_search import ASHA, TPE
from research_stack import EC, Domain, O, Research, integers, loguniform

EPOCHS = 27

networks = Domain(
    model=["network"],
    units=2 ** integers(2, 8),
    rate=loguniform(1e-4, 1),
    penalty=loguniform(1e-6, 10),
)
linear = Domain(
    model=["linear"],
    loss=["log_loss", "hinge", "modified_huber"],
    rate=loguniform(1e-4, 10),
    penalty=loguniform(1e-7, 1),
)


def load() -> tuple[np.ndarray, ...]:
    """Return 500 images of 8x8 pixels to learn from, their digits, and 1,297 others."""
    images, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, digits = images[order] / 16, digits[order]
    return images[:500], digits[:500], images[500:], digits[500:]


def learn(
    data: tuple[np.ndarray, ...], model: str, rate: float, penalty: float, units: int = 0, loss: str = ""
) -> Iterator[float]:
    """Train a model and yield the share of unseen digits that it gets wrong, after each epoch."""
    images, digits, unseen, answers = data
    if model == "network":
        learner: Any = MLPClassifier(
            (units,), learning_rate_init=rate, alpha=penalty, batch_size=100, random_state=0
        )
    else:
        learner = SGDClassifier(loss=loss, eta0=rate, alpha=penalty, learning_rate="constant", random_state=0)
    for _ in range(EPOCHS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged, or that weights overflow
            learner.partial_fit(images, digits, classes=np.arange(10))
            yield 1 - learner.score(unseen, answers)


def main() -> None:
    research = Research("digits_search", networks + linear, n_configs=80)
    research.add_callable("data", load)
    research.add_generator("error", learn, data=O("data"), kwargs=EC(), save_to="error")
    research.run(search=TPE("error", stop=ASHA()), n_iters=EPOCHS, workers=2, seed=42)

    results = research.results
    ended = results.experiments["stopped"].notna().sum()
    epochs = len(results.df)
    print(results.best("error", n=5))
    print(
        f"\n{ended} of {len(results.experiments)} experiments were ended early, "
        f"which saved {1 - epochs / EPOCHS / len(results.experiments):.0%} of the epochs."
    )


if __name__ == "__main__":
    main()
