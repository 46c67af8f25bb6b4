"""Arguments of functions may have any name; what options are called is one list, and the way out is said."""

import pytest

from research_experiment import EC, Executor, Experiment, O
from research_experiment.errors import ExecutorError, PlanError

FREE = ("name", "func", "src", "generator", "creator", "self", "function", "config", "args_", "id", "value")
OPTIONS = ("when", "save_to", "dump", "root", "save_output_dict", "timeout")


def show(**arguments):
    return arguments


def results_of(experiment, config=None, **options):
    (done,) = Executor(experiment, configs=[config or {}], **options).run().experiments
    return done.results


@pytest.mark.parametrize("name", FREE)
def test_an_argument_may_be_called_like_a_parameter_that_is_given_by_position(name):
    given = {name: EC("x")}
    for experiment in (
        Experiment().add_callable("show", show, save_to="seen", **given),
        Experiment().add_callable(show, save_to="seen", **given),
        Experiment().add_executable_unit("show", show, save_to="seen", **given),
        Experiment(namespaces=[{"show": show}]).add_callable("show", save_to="seen", **given),
        Experiment(namespaces=[{"show": show}]).show(save_to="seen", **given),
    ):
        assert results_of(experiment, {"x": 5}) == {"seen": {0: {name: 5}}}


@pytest.mark.parametrize("name", FREE)
def test_generators_and_instances_take_arguments_of_any_name(name):
    def count(**arguments):
        yield arguments[name]

    class Holder:
        def __init__(holder, **arguments):
            holder.arguments = arguments

        def get(holder):
            return holder.arguments

    experiment = Experiment().add_generator("count", count, save_to="n", **{name: EC("x")})
    experiment = experiment.add_instance("holder", Holder, **{name: EC("x")})
    experiment = experiment.add_callable("holder.get", save_to="held")
    assert results_of(experiment, {"x": 5}, n_iters=1) == {"n": {0: 5}, "held": {0: {name: 5}}}


def test_a_pipeline_gets_a_name_in_its_config():
    class Pipeline:
        def __add__(self, other):
            return Pipeline()

        def set_config(self, config):
            self.config = config

        def reset(self, *what):
            pass

        def next_batch(self):
            return self.config

        def v(self, name):
            return dict(self.config)

    experiment = Experiment().add_pipeline("load", Pipeline(), variables="config", name=EC("x"))
    assert results_of(experiment, {"x": 5}, n_iters=1)["config"][0] == {"x": 5, "name": 5}


WRONG = {
    "when": [EC("x"), "no such time", 2.5],
    "save_to": [EC("x"), 2.5],
    "dump": [EC("x"), "no such time"],
    "root": [EC("x"), "/data", 1],
    "save_output_dict": [EC("x"), "yes"],
    "timeout": [EC("x"), "30 s", -1],
    "mode": [EC("x"), "train"],
}


@pytest.mark.parametrize(
    ("option", "value"), [(option, value) for option, values in WRONG.items() for value in values]
)
def test_what_is_no_option_is_refused_with_the_way_out(option, value):
    given = {"save_to": "y", option: value}
    with pytest.raises(PlanError, match=rf"{option} of unit 'show'.*kwargs=\{{'{option}': "):
        Experiment().add_executable_unit("show", show, **given)
    if option != "mode":
        with pytest.raises(PlanError, match=rf"{option} of unit 'show'.*kwargs=\{{'{option}': "):
            Experiment().add_callable("show", show, **given)


GOOD = {"when": 2, "save_to": "y", "dump": 1, "root": True, "save_output_dict": True, "timeout": 3}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_that_the_function_has_as_well_is_not_taken_from_it_in_silence(option):
    namespace = {}
    exec(f"def own({option}=None, **rest): return {option}", namespace)
    own = namespace["own"]
    with pytest.raises(PlanError, match=rf"its function has an argument '{option}', too.*kwargs="):
        Experiment().add_callable("own", own, **{option: GOOD[option]})
    experiment = Experiment().add_callable("own", own, kwargs={option: 7}).save(O("own"), "seen")
    assert results_of(experiment)["seen"] == {0: 7}
    both = Experiment().add_callable("own", own, kwargs={option: {"z": 7}}, **{option: GOOD[option]})
    assert len(results_of(both, n_iters=2)) == (option in ("save_to", "save_output_dict"))
    by_position = Experiment().add_callable("own", own, args=[{"z": 7}], **{option: GOOD[option]})
    by_position.build()


def test_the_argument_of_a_method_and_of_a_creator_is_not_taken_either():
    class Data:
        def __init__(self, root="here"):
            self.root = root

        def fit(self, when="now"):
            return when, self.root

    with pytest.raises(PlanError, match="its function has an argument 'root', too"):
        Experiment().add_instance("data", Data, root=True)
    with pytest.raises(PlanError, match=r"kwargs=\{'root': '/data'\}|its function has an argument 'root'"):
        Experiment().add_instance("data", Data, root="/data")
    experiment = Experiment().add_instance("data", Data, kwargs={"root": "/data"})
    with pytest.raises(PlanError, match="its function has an argument 'when', too"):
        experiment.add_callable("data.fit", when=2)
    experiment = experiment.add_callable("data.fit", kwargs={"when": "later"}, save_to="y")
    assert results_of(experiment) == {"y": {0: ("later", "/data")}}


@pytest.mark.parametrize("word", ["func", "src", "generator"])
def test_a_function_given_by_keyword_is_said_to_belong_second(word):
    with pytest.raises(PlanError, match=r"give the function second, add_callable\('train', show\)"):
        Experiment(namespaces=[]).add_callable("train", **{word: show})


def test_a_creator_given_by_keyword_is_said_to_belong_second():
    with pytest.raises(PlanError, match=r"give it second: add_instance\('data', creator\)"):
        Experiment().add_instance("data", creator=dict)


@pytest.mark.parametrize("option", ["run", "variables", "dump", "when", "mode"])
def test_an_expression_is_no_option_of_a_pipeline(option):
    with pytest.raises(PlanError, match=f"{option} of pipeline 'load' is an option and no named expression"):
        Experiment().add_pipeline("load", **{option: EC("x")})


@pytest.mark.parametrize("parameter", ["branches_configs", "executor_config"])
@pytest.mark.parametrize(
    ("config", "more"), [({"a": 1}, {"a": 2}), ({"a": {"b": 1}}, {"a/b": 2}), ({"a/b": 1}, {"a": 2})]
)
def test_what_is_added_to_a_config_takes_the_place_of_nothing(parameter, config, more):
    given = {parameter: [more] if parameter == "branches_configs" else more}
    with pytest.raises(ExecutorError, match=f"{parameter} adds '{next(iter(more))}' to a config that has"):
        Executor(Experiment().add_callable("show", show), configs=[config], **given)


@pytest.mark.parametrize(
    "add",
    [
        lambda e: e.add_callable(name="unit", func=abs),
        lambda e: e.add_generator(name="unit", generator=range),
        lambda e: e.add_executable_unit(name="unit", src=abs),
        lambda e: e.add_instance(name="unit", creator=list),
        lambda e: e.add_pipeline(name="unit", root=5),
    ],
)
def test_name_that_was_given_as_a_keyword_is_missed_in_a_sentence(add):
    with pytest.raises(PlanError, match="it is given first, and by position, add_"):
        add(Experiment())


def identity(x):
    return x


@pytest.mark.parametrize(
    ("method", "word", "name", "function"),
    [
        ("add_callable", "func", "identity", identity),
        ("add_callable", "func", "identity", abs),
        ("add_callable", "func", "show", show),
        ("add_callable", "func", "nowhere", identity),
        ("add_callable", "func", "nowhere", dict),
        ("add_generator", "generator", "identity", identity),
        ("add_executable_unit", "src", "identity", identity),
    ],
)
def test_function_that_was_given_as_a_keyword_is_missed_in_a_sentence(method, word, name, function):
    experiment = Experiment(namespaces=[{"identity": identity, "show": show}])
    words = rf"{word}=\.\.\. is an argument of it, .* give the function second, add_callable\('{name}', "
    with pytest.raises(PlanError, match=words):
        getattr(experiment, method)(name, **{word: function})


def test_function_of_a_namespace_takes_another_function_by_keyword():
    experiment = Experiment(namespaces=[{"show": show}]).add_callable("show", func=abs, save_to="seen")
    assert results_of(experiment) == {"seen": {0: {"func": abs}}}
