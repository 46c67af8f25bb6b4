"""Searches: what they ask for, and what they make of what they are told."""

import logging
import math
import pickle
from dataclasses import replace

import optuna
import pytest
from search_drive import Drive, context, seed_of

from research_domain import ChoiceError, ConfigAlias, Domain, choice, integers, loguniform, uniform
from research_runner import MissingPackageError, OptionError
from research_runner.searching import Question, Report, Told
from research_search import (
    ASHA,
    CMAES,
    GP,
    NSGA2,
    QMC,
    TPE,
    Hyperband,
    NothingFeasibleError,
    Random,
    Threshold,
)

SPACE = Domain(x=uniform(-1, 1), y=loguniform(0.01, 10))
TREE = Domain(model=["tree"], depth=[1, 2, 4, 8]) * Domain(rate=loguniform(0.01, 1))
NET = Domain(model=["net"], act=["relu", "tanh", "elu"]) * Domain(
    rate=loguniform(0.01, 1), width=integers(64)
)


def bowl(config):
    return [(config["x"] - 0.3) ** 2 + math.log10(config["y"]) ** 2]


def curve(config):
    level = abs(math.log10(config["rate"]) + 1) + (config["model"] == "tree") * 0.3
    return [level + 1 / step for step in range(1, 28)]


ENGINES = [TPE, Random, QMC, NSGA2, CMAES]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_search_is_a_function_of_seeds_and_of_what_it_was_told(engine):
    one, twin = (Drive(engine("error"), SPACE, bowl, slots=3).run(25) for _ in range(2))
    assert one.trace() == twin.trace()
    assert len({told.config.alias(as_string=True) for told in one.told}) == 25


@pytest.mark.parametrize("engine", ENGINES)
def test_a_search_goes_on_from_history_as_if_it_had_never_ended(engine):
    whole = Drive(engine("error", stop=ASHA()), TREE + NET, curve, slots=4).run(30)
    search = engine("error", stop=ASHA()).make(context(TREE + NET))
    search.begin(TREE + NET, ())
    asked, told = 0, 0
    while told < len(whole.told):
        if asked < len(whole.asked) and asked - told < 4:
            config = search.ask(Question(asked, 0, seed_of(asked), None))
            assert config == whole.asked[asked]
            asked += 1
        else:
            search.tell(whole.told[told])
            told += 1


def reseeded(sampler, pruner, n, domain, evaluate):
    """Return what Optuna alone does, with a sampler of its own for each trial."""
    choices = domain.choices()
    study = optuna.create_study(study_name="search", pruner=pruner)
    found = []

    def suggest(trial, name, choice):
        if hasattr(choice, "names") and not hasattr(choice, "low"):
            return choice.names.index(trial.suggest_categorical(name, choice.names))
        if isinstance(choice.low, int):
            return trial.suggest_int(name, choice.low, choice.high)
        return trial.suggest_float(name, choice.low, choice.high, log=choice.log)

    def objective(trial):
        config = choices.config(lambda name, choice: suggest(trial, name, choice))
        values = evaluate(config.config())
        for step, value in enumerate(values, 1):
            if step in (1, 3, 9) and step < len(values):
                trial.report(value, step)
                if trial.should_prune():
                    found.append((config.alias(as_string=True), step, "stopped"))
                    raise optuna.TrialPruned
        found.append((config.alias(as_string=True), len(values), "done"))
        return values[-1]

    for number in range(n):
        study.sampler = sampler(seed_of(number))
        study.optimize(objective, n_trials=1)
    return found


PRUNERS = {
    "none": (None, optuna.pruners.NopPruner()),
    "asha": (ASHA(), optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)),
    "hyperband": (Hyperband(), optuna.pruners.HyperbandPruner(min_resource=1, max_resource=27)),
}


@pytest.mark.parametrize("pruner", PRUNERS)
def test_one_after_another_it_does_what_optuna_does(pruner):
    ours, theirs = PRUNERS[pruner]
    domain = (TREE + NET) * Domain(noise=uniform(0, 1))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    mine = Drive(TPE("error", stop=ours), domain, curve).run(40)
    alone = reseeded(lambda seed: optuna.samplers.TPESampler(seed=seed), theirs, 40, domain, curve)
    assert mine.trace() == alone
    assert {status for _, _, status in alone} == ({"done"} if ours is None else {"done", "stopped"})


def test_tpe_finds_better_configs_than_random_ones():
    bests = [[Drive(engine("error"), SPACE, bowl).run(45).best for engine in (TPE, Random)]]
    assert all(tpe < random for tpe, random in bests)


def test_what_a_filter_rejects_is_learned_and_not_run():
    domain = SPACE.where(lambda config: config["x"] + math.log10(config["y"]) > 1.2)
    drive = Drive(TPE("error"), domain, lambda config: [abs(config["x"] - 0.5)]).run(40)
    states = [trial.state for trial in drive.search.study.trials]
    pruned = states.count(optuna.trial.TrialState.PRUNED)
    assert states.count(optuna.trial.TrialState.COMPLETE) == 40
    assert 0 < pruned < 200  # at random, more than nine of ten are rejected


def test_a_filter_that_rejects_everything_is_named():
    def never(config):
        return False

    search = Random("error").make(context(SPACE.where(never)))
    search.begin(SPACE.where(never), ())
    with pytest.raises(NothingFeasibleError, match=r"where\(never\) has rejected 10000") as caught:
        search.ask(Question(0, 0, 1, None))
    assert pickle.loads(pickle.dumps(caught.value)).count == 10_000


def test_minus_maximises():
    least = Drive(TPE("x"), SPACE, lambda config: [config["x"]]).run(40)
    most = Drive(TPE("-x"), SPACE, lambda config: [config["x"]]).run(40)
    assert least.search.variables == most.search.variables == ("x",)
    assert least.search.study.best_value < -0.9
    assert most.search.study.best_value > 0.9


@pytest.mark.parametrize("engine", [TPE, NSGA2, Random])
def test_several_objectives(engine):
    drive = Drive(
        engine(["error", "-speed"]), SPACE, lambda config: [(config["x"] ** 2, config["x"])], slots=2
    )
    study = drive.run(30).search.study
    assert drive.search.variables == ("error", "speed")
    assert all(trial.values[1] >= -0.2 for trial in study.best_trials)
    assert len(study.best_trials) >= 2


def test_several_objectives_stop_when_all_agree():
    def two(config):
        return [(config["x"] + 1 / step, -config["x"] + 1 / step) for step in range(1, 10)]

    drive = Drive(TPE(["one", "other"], stop=Threshold(["one", "other"], upper=1.9)), SPACE, two).run(30)
    for told in drive.told:
        x = told.config["x"]
        assert (told.status == "stopped") == (x + 1 > 1.9 and -x + 1 > 1.9)


def test_failures_are_told_as_failures():
    def broken(config):
        if config["x"] > 0:
            raise ZeroDivisionError
        return [float("nan") if config["y"] > 5 else config["x"]]

    study = Drive(TPE("error"), SPACE, broken).run(40).search.study
    for trial in study.trials:
        failed = trial.params["x"] > 0 or trial.params["y"] > 5
        assert (trial.state is optuna.trial.TrialState.FAIL) == failed
    assert study.best_value < 0


def test_configs_that_were_tried_are_followed_by_random_ones_until_none_is_left():
    domain = Domain(a=[1, 2, 3, 4], b=["x", "y", "z"]).where(lambda config: config["a"] != 2)
    domain.set_iter_params(n_items=2, n_reps=3)  # which are for walks
    drive = Drive(TPE("error"), domain, lambda config: [config["a"]]).run(500)
    assert drive.ended
    assert len(drive.by_config) == 9
    assert len(drive.asked) < 200
    assert all(trial.state.is_finished() for trial in drive.search.study.trials)


def test_first_configs_come_first():
    first = [{"x": 0.25, "y": 1.0}, ConfigAlias({"x": -0.5, "y": 0.1, "repetition": 0})]
    drive = Drive(TPE("error", first=first), SPACE, bowl).run(4)
    assert [config.config().to_dict() for config in drive.asked[:2]] == [
        {"x": 0.25, "y": 1.0},
        {"x": -0.5, "y": 0.1},
    ]
    search = TPE("error", first=[{"x": 7, "y": 1}]).make(context(SPACE))
    with pytest.raises(OptionError, match="first: a config is none of the domain: parameter 'x'"):
        search.begin(SPACE, ())


def told_before():
    for number in range(20):
        x = -1 + number / 10
        config = ConfigAlias({"x": x, "y": 1.0})
        status = "failed" if number == 3 else "stopped" if number == 4 else "done"
        reports = (Report(1, (x,)),) if status != "failed" else ()
        yield Told(None, config, None if status == "failed" else (x,), reports, 2, status)


@pytest.mark.parametrize("engine", [TPE, Random, NSGA2])
def test_a_config_that_somebody_puts_in_is_a_trial_as_any_other(engine):
    domain = Domain(model=["tree"], depth=[1, 2, 4]) + Domain(model=["net"], width=[1, 2])
    search = engine("loss").make(context(domain))
    search.begin(domain, ())
    given = ConfigAlias({"model": "tree", "depth": 4})
    for number, config in enumerate([None, given, None]):
        answer = search.ask(Question(number, 0, seed_of(number), None, config))
        assert config is None or answer is config
        search.tell(Told(number, answer, (float(number),), (), 1, "done"))
    assert search.study.trials[1].params == {"model": "tree", "depth": 2}
    assert search.study.trials[1].value == 1.0


def test_what_other_researches_know_is_known_from_the_beginning():
    asked = []

    def history(name, variables):
        asked.append((name, variables))
        return told_before()

    drive = Drive(TPE("error", known="old"), SPACE, lambda config: [config["x"]], history=history)
    states = [trial.state.name for trial in drive.search.study.trials]
    assert asked == [("old", ("error",))]
    assert (states.count("FAIL"), states.count("PRUNED"), states.count("COMPLETE")) == (1, 1, 18)
    assert sum(told.values[0] < -0.5 for told in drive.run(10).told) > 6
    twin = Drive(TPE("error"), SPACE, lambda config: [config["x"]], known=told_before()).run(10)
    assert twin.trace() == drive.trace()


def test_known_configs_of_other_domains_are_refused():
    def history(name, variables):
        return [Told(None, ConfigAlias({"x": 7, "y": 1}), (1.0,), (), 1, "done")]

    with pytest.raises(OptionError, match="known: a config is none of the domain: parameter 'x'"):
        Drive(TPE("error", known=["old"]), SPACE, bowl, history=history)


def test_known_researches_without_the_variable_are_refused():
    def history(name, variables):
        return [Told(None, ConfigAlias({"x": 0, "y": 1}), None, (), 1, "done")]

    with pytest.raises(OptionError, match="known: 'old' has no experiment that has saved 'error'"):
        Drive(TPE("error", known="old"), SPACE, bowl, history=history)


def test_branches_share_what_their_root_depends_on():
    data = Domain(name=["a"], size=integers(1, 100)) + Domain(name=["b"], source=["x", "y"])
    domain = data * Domain(rate=loguniform(0.01, 1))
    drive = Drive(
        TPE("error"),
        domain,
        lambda config: [config["rate"]],
        branches=4,
        slots=4,
        root=("name", "size", "source"),
    ).run(40)
    for start in range(0, 40, 4):
        group = drive.asked[start : start + 4]
        roots = [{key: config[key] for key in config if key != "rate"} for config in group]
        assert all(root == roots[0] for root in roots)
        assert len({config["rate"] for config in group}) == 4


class Dice:
    def sample(self, size, rng):
        return rng.random(size)


def test_noise_is_drawn_beside_what_is_asked():
    domain = Domain(x=[1, 2, 3]) * Domain(luck=Dice())
    with pytest.raises(ChoiceError, match="'luck'"):
        TPE("error").make(context(domain)).begin(domain, ())
    drive = Drive(
        TPE("error", noise=True), domain, lambda config: [config["x"]], branches=2, root=("luck",), slots=2
    ).run(10)
    lucks = [config["luck"] for config in drive.asked]
    assert lucks[::2] == lucks[1::2]
    assert len(set(lucks)) == 5
    assert list(drive.search.study.trials[0].params) == ["x"]


def test_weights_are_probabilities_of_random_configs():
    domain = Domain(a=choice(["often", "never", "seldom"], p=[0.9, 0.0, 0.1])) * Domain(x=uniform(0, 1))
    for engine in (Random("error"), TPE("error", n_startup_trials=60)):
        drive = Drive(engine, domain, lambda config: [config["x"]]).run(60)
        assert sum(config["a"] == "often" for config in drive.asked) > 45
        assert all(config["a"] != "never" for config in drive.asked)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: TPE(""), "expected the name of a saved variable"),
        (lambda: TPE([]), "expected the name of a saved variable"),
        (lambda: TPE(3), "got 3"),
        (lambda: TPE(["a", "-a"]), "each variable counts once"),
        (lambda: CMAES(["a", "b"]), "CMAES has one.*TPE and NSGA2"),
        (lambda: TPE("a", stop=ASHA), r"a rule such as ASHA\(\)"),
        (lambda: TPE("a", speed=3).make(context(SPACE)), "TPESampler.*speed"),
        (lambda: Random("a", n=3).make(context(SPACE)), "Random takes no 'n'"),
        (lambda: TPE().make(context(SPACE)), r"say which.*TPE\('error'\); nobody knows"),
    ],
)
def test_what_makes_no_search_is_refused(make, text):
    with pytest.raises(OptionError, match=text):
        make()


def test_without_an_objective_it_is_the_only_variable():
    one, several = (replace(context(SPACE), saved=frozenset(names)) for names in (["loss"], ["b", "a"]))
    search = TPE(stop=ASHA()).make(one)
    assert (search.variables, ASHA().make(one).variables) == (("loss",), ("loss",))
    with pytest.raises(OptionError, match=r"search: say which.*Random\('a'\).* are: a, b"):
        Random().make(several)
    with pytest.raises(OptionError, match=r"stop: say which.*ASHA\('a'\)"):
        ASHA().make(several)


def test_a_search_whose_engine_is_missing_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"GP of research-search.*pip install torch"):
        GP("error").make(context(SPACE))


@pytest.mark.parametrize(
    "text",
    [
        "TPE('error', n_startup_trials=20)",
        "TPE(['error', '-speed'], stop=ASHA(first=1, factor=3))",
        "Random('-score', known=('old',), noise=True)",
        "CMAES('error', first=({'x': 1},))",
    ],
)
def test_factories_are_values(text):
    made, twin = eval(text), pickle.loads(pickle.dumps(eval(text)))
    assert repr(made) == text
    assert made == twin
    assert hash(made) == hash(twin)
    assert made != TPE("other")


def test_nothing_is_logged():
    lines = []

    class Log(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())

    handler, before = Log(), optuna.logging.get_verbosity()
    logger = logging.getLogger("optuna")
    logger.addHandler(handler)
    optuna.logging.set_verbosity(optuna.logging.INFO)
    try:
        Drive(TPE("error", stop=ASHA()), TREE + NET, curve).run(3)
        assert lines == []
        optuna.create_study()
        assert len(lines) == 1
    finally:
        optuna.logging.set_verbosity(before)
        logger.removeHandler(handler)
