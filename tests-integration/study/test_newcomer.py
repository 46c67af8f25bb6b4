"""A newcomer's study, from its domain to the best config in use, without a line of pandas."""

import pytest

from research_stack import EC, E, O, Option, Research, ResearchResults, compare

pytest.importorskip("sklearn")


def split(random):
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x, y = load_breast_cancer(return_X_y=True)
    train, test, *answers = train_test_split(x, y, random_state=int(random.integers(2**31)))
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test), *answers


def make(model, seed, units=None, alpha=None):
    from sklearn.linear_model import SGDClassifier
    from sklearn.neural_network import MLPClassifier

    if model == "network":
        return MLPClassifier((units,), learning_rate_init=0.01, random_state=seed)
    return SGDClassifier(loss="log_loss", alpha=alpha, random_state=seed)


def learn(data, random, **config):
    if config.get("units") == 48:
        raise MemoryError("too wide")
    made, (train, test, answers, truth) = make(seed=int(random.integers(2**31)), **config), data
    for _ in range(3):
        made.partial_fit(train, answers, classes=[0, 1])
        yield {"accuracy": made.score(test, truth), "size": config.get("units", 1)}


def study(name, domain, n_reps):
    research = Research(name, domain, n_reps=n_reps).add_callable("data", split, random=E().random)
    return research.add_generator(
        "learn", learn, data=O("data"), random=E().random, kwargs=EC(), save_output_dict=True
    )


def test_a_study_is_answered_without_pandas(capfd):
    networks = Option("model", ["network"]) * Option("units", [8, 32, 48])
    lines = Option("model", ["linear"]) * Option("alpha", [0.001, 0.1])
    results = study("models", networks + lines, 2).run(parallel=False, bar=False, seed=3).results
    assert "all with units=48" in capfd.readouterr().err

    best = results.best("-accuracy", n=3)
    assert len(best) == 3 and best[0].statistics["accuracy"]["mean"] > 0.8
    assert make(**best.configs[0], seed=0).get_params()  # units are ints again
    finals = results.aggregate("accuracy", at="last")
    assert finals["count"].tolist() == [2, 2, 0, 2, 2] and finals["failed"].tolist() == [0, 0, 2, 0, 0]
    assert {row.config.get("units", 1) for row in results.best(["-accuracy", "size"])} <= {1, 8, 32}
    assert results.aggregate("accuracy", by="model")["iteration"].max() == 2

    marginal = results.aggregate("accuracy", by="units", at="last", stats=["mean", "sem"])
    assert marginal["mean"].notna().tolist() == [True, True, False, True]
    assert (
        results.best("-accuracy", at="best", n=1)[0].statistics["accuracy"]["mean"]
        >= (best[0].statistics["accuracy"]["mean"])
    )
    assert results.importances("accuracy", model="network")["effect"][0] == "units"
    results.plot("-accuracy", by="model").savefig("curves.png")
    results.plot("-accuracy", "heatmap", x="units", y="alpha").savefig("heatmap.png")
    assert results.export("models.csv").read_text().count(",32,") == 6

    better, worse = (ResearchResults("models", model=model) for model in ("network", "linear"))
    compared = compare(better, worse, variables="accuracy")
    assert [side.name for side in compared.sides] == ["model=network", "model=linear"]
    assert "2 failed" in str(compared) and compared.parameters["parameter"][0] == "model"

    study("again", best.domain, 1).run(parallel=False, bar=False)
    assert ResearchResults("again").best("-accuracy", n=None)[0].failed == 0
