"""More scripts as users of `batchflow.research` write them: what is seldom used, and what reads results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from research_experiment import PlanError
from research_stack import (
    EC,
    EP,
    Alias,
    Config,
    ConfigAlias,
    Domain,
    E,
    Executor,
    Experiment,
    O,
    R,
    Research,
    ResearchResults,
    S,
)
from research_stack import NumpySampler as NS


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def square(x):
    return x * x


def squares(name="squares", domain=None, **options):
    research = Research(name=name, domain=domain or Domain(x=[1, 2]))
    research.add_callable("square", square, x=EC("x"), save_to="y")
    return research.run(bar=False, **options)


def test_all_parameters_of_run_by_their_names():
    research = Research(
        name="first",
        domain=Domain(domain={"a/b": [1]}, c=[2]),
        experiment=Experiment(instance_creators=None, actions=None, namespaces=None),
        n_configs=1,
        n_reps=2,
        repeat_each=1,
    )
    research.add_callable("square", square, args=[EC(name="a/b")], when=1, save_to="y", dump=1)
    research.run(
        name="second",
        workers=1,
        branches=1,
        n_iters=1,
        devices=None,
        executor_class=Executor,
        dump_results=True,
        parallel=True,
        executor_target="threads",
        loglevel=None,
        bar=False,
        detach=False,
        debug=False,
        finalize=True,
        git_meta=False,
        env_meta=False,
        seed=None,
        profile=False,
        memory_ratio=None,
        n_gpu_checks=3,
        gpu_check_delay=5,
        create_id_prefix=False,
        redirect_stdout=True,
        redirect_stderr=True,
    )
    assert research.results.df[["a/b", "c", "y"]].values.tolist() == [[1, 2, 1]] * 2
    assert [path.name for path in Path().iterdir()] == ["second"]


def test_a_domain_is_iterated_begun_again_and_asked_for_its_options():
    domain = Domain(a=[1, 2], b=[3, 4])
    domain.set_iter_params(n_items=3, n_reps=2, repeat_each=3, produced=0, additional=True, seed=3)
    assert (domain.size, domain.len) == (6, 3)
    configs = [config.config() for config in domain.iterator]
    assert [(config["a"], config["b"], config["repetition"]) for config in configs] == [
        (a, b, repetition) for repetition in (0, 1) for a, b in ((1, 3), (1, 4), (2, 3))
    ]
    domain.reset_iter()
    domain.create_iter()
    assert next(domain.iterator).config() == configs[0] and len(list(domain.iterator)) == 5
    assert [item.config() for item in domain.option_items("a", [1, 2])] == [{"a": 1}, {"a": 2}]
    assert [item["a"] for item in domain.option_iterator("a", [1, 2])] == [1, 2]
    assert 0 <= domain.option_sample("u", NS("u"))["u"] <= 1
    assert len(domain.option_sample("u", NS("u"), size=2)) == 2
    aliases = domain.create_aliases({"a": [1], "f": [square]})
    assert [(key.alias, value[0].alias) for key, value in aliases.items()] == [("a", "1"), ("f", "square")]


def test_an_update_is_called_by_hand():
    domain = Domain(a=[1, 2])
    domain.set_update(lambda: Domain(a=[7]), 2)
    assert domain.update(1, None) is None
    assert [config["a"] for config in domain.update(2, None)] == [7]


def test_config_aliases_are_popped_by_lists_and_have_prefixes():
    config = ConfigAlias([(Alias("alpha", "a"), Alias(square, "s")), ("b", 2)])
    assert config.alias(as_string=True, delim="|") == "a_s|b_2"
    assert config.config() == {"alpha": square, "b": 2} and list(config.keys()) == ["alpha", "b"]
    assert config.pop_config(["alpha", "b"]).alias() == {"a": "s", "b": "2"}
    assert list(config.keys()) == [] and config.pop_config("b") is None and config.pop_alias("a") is None


def test_executable_units_and_methods_of_instances():
    class Scale:
        def __init__(self, by):
            self.by = by

        def apply(self, value):
            return value * self.by

    research = Research("units", Domain(by=[2, 3])).add_instance("scale", Scale, by=EC("by"))
    research.add_executable_unit("count", lambda n: iter(range(n)), mode="generator", args=[4])
    research.add_executable_unit(
        "scale.apply", mode="func", args=[O("count")], when=["%1", "last"], save_to="y", dump="last"
    )
    research.save(E("scale").by * 10, "by10", when="last").run(n_iters=4, bar=False)
    frame = research.results.df
    assert frame["iteration"].tolist() == [1, 3] * 2 and frame["y"].tolist() == [2, 6, 3, 9]
    assert frame["by10"].dropna().tolist() == [20, 30]


def test_dicts_and_lists_of_outputs_are_saved_and_dumped_one_by_one():
    research = Research("saves", Domain(x=[1, 2]))
    research.add_callable("parts", lambda x: {"p": x, "q": [x]}, x=EC("x"))
    research.save(O("parts"), None, save_output_dict=True).save(
        src=O("parts"), dst="whole", when="last", copy=True
    )
    research.add_callable("pair", lambda: [5, 6], save_to=["m", "n"]).dump("p", when=1).dump(variable="m")
    frame = research.run(n_iters=2, bar=False).results.df
    assert frame[["x", "iteration", "p", "m", "n"]].values.tolist() == [
        [x, iteration, x, 5, 6] for x in (1, 2) for iteration in (0, 1)
    ]
    assert frame["whole"].dropna().tolist() == [{"p": 1, "q": [1]}, {"p": 2, "q": [2]}]


def test_results_are_opened_loaded_in_part_and_put():
    squares()
    results = ResearchResults("squares", dump_results=True, x=2)
    assert results.df["y"].tolist() == [4]
    results = ResearchResults(name="squares")
    loaded = results.load(iterations=0, name="y", x=1)
    assert [values["y"] for values in loaded.results.values() if values] == [{0: 1}]
    assert list(results.load_results(domain=Domain(x=[2])).values()) == [{"y": {0: 4}}]
    assert list(results.load_results(alias={"x": "1"})) == results.filter_ids_by_configs(x=1)
    results.put("by hand", {"y": {0: 9}}, {"x": 3})
    results.close_manager()
    assert ResearchResults("squares").df["y"].tolist() == [1, 4, 9]


def test_tables_of_configs_and_artifacts_in_all_their_forms():
    def leave(path):
        (Path(path) / "model.pt").write_text("weights")

    research = Research("files", Domain({"net/size": [Alias(64, "small")], "f": [square]}))
    results = research.add_callable("leave", leave, path=EP()).run(bar=False).results
    joined = results.configs_to_df(use_alias=True, concat_config=True, drop_columns=True)
    assert joined["config"].tolist() == ["f_square-net/size_small"] and "f" not in joined
    apart = results.configs_to_df(use_alias=False, concat_config=True, drop_columns=False)
    assert apart["net/size"].tolist() == [64] and apart["f"].tolist() == [square]
    files = results.artifacts_to_df(name="model.pt", include_config=False)
    assert files["full_path"].tolist() == [str(next(Path().absolute().rglob("model.pt")))]
    assert [each.name for each in results.load_artifacts(f=square).popitem()[1]] == ["model.pt"]


def test_names_of_units_are_told_apart_and_namespaces_searched():
    experiment = Experiment().add_namespace(np).add_callable("square", square, args=[3], save_to="a")
    assert experiment.add_postfix("square") == "square_1" and experiment.only_callables
    twin = experiment.copy().add_callable("square", square, args=[4], save_to="b")
    assert [unit.name for unit in twin.actions] == ["square", "square_1"]
    assert [unit.name for unit in experiment.actions] == ["square"]
    assert experiment.get_method("hypot") is np.hypot
    research = Research("named", experiment=twin).run(bar=False)
    assert research.results.df[["a", "b"]].values.tolist() == [[9, 16]]


def test_what_a_unit_sees_of_a_run():
    def look(experiment, everyone, storage, results, config):
        return type(experiment).__name__, len(everyone), storage is not None, len(results.df), config

    research = Research("seen", Domain(x=[1])).add_callable(
        look,
        experiment=E(unit=None, all=False),
        everyone=E(all=True),
        storage=S(unit=None, all=False),
        results=R(unit=None, all=False),
        config=EC(full=True),
        save_to="seen",
    )
    (seen,) = research.run(branches=[Config({"k": 1})], executor_target="for", bar=False).results.df["seen"]
    assert seen == ("RunningExperiment", 1, True, 0, {"x": 1, "k": 1, "repetition": 0, "updates": 0})


def test_an_update_goes_on_from_the_best_of_what_is_stored():
    def further(best):
        return Domain(x=[best + 1]) if best < 3 else None

    research = Research("further", Domain(x=[1])).add_callable("square", square, x=EC("x"), save_to="y")
    research.update_domain(function=further, when="last", best=R().df["x"].max()).run(bar=False)
    frame = research.results.to_df(remove_auxilary=False)
    assert frame[["x", "updates"]].values.tolist() == [[1, 0], [2, 1], [3, 2]]


def test_the_same_seed_is_the_same_table_however_it_is_run():
    def drawn(name, **options):
        research = Research(name, Domain(x=NS("n", loc=5)), n_configs=3)
        research.add_callable("draw", lambda random: random.normal(), random=E().random, save_to="y")
        return research.run(seed=5, bar=False, **options).results.df[["x", "y"]].values.tolist()

    assert drawn("one") == drawn("two", workers=2, branches=2)
    assert drawn("three") == drawn("four", parallel=False, dump_results=False)
    assert not Path("four").exists()


def test_a_function_by_keyword_is_refused_with_what_to_write():
    with pytest.raises(PlanError, match=r"give the function second, add_callable\('square', square\)"):
        Research().add_callable("square", func=square, save_to="y")
