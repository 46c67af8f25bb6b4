"""Bad input: every error names the unit, and the expression if there is one, as early as possible."""

from __future__ import annotations

import functools

import pytest

from research_domain import Config
from research_experiment import (
    EC,
    EP,
    DependencyError,
    E,
    Executor,
    ExecutorError,
    Experiment,
    NamespaceError,
    O,
    PlanError,
    R,
    S,
    UnknownUnitError,
)


def function(x, y=1):
    return x


def generator(n=1):
    yield from range(n)


class Thing:
    def method(self, x):
        return x

    def many(self):
        yield 1

    class Callable:
        def __call__(self):
            yield 1


class Sized:
    def __init__(self, size):
        self.size = size


class Flexible(Sized):
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)


def make():
    return Experiment(namespaces=[{"function": function, "generator": generator, "load_images": function}])


AT_ONCE = {
    "typo in the name of a function": (
        lambda: make().load_image(x=1),
        UnknownUnitError,
        "no unit, method or function named 'load_image' (did you mean 'load_images'",
    ),
    "typo in the name of a method": (
        lambda: make().add_callabel("x"),
        UnknownUnitError,
        "did you mean 'add_callable'",
    ),
    "name without a function": (
        lambda: make().add_callable("functoin"),
        UnknownUnitError,
        "named 'functoin' (did you mean 'function'?); add it with add_callable(...)",
    ),
    "no name": (lambda: make().add_callable(None), PlanError, "a unit needs a name or a function, got None"),
    "two functions": (lambda: make().add_callable(function, function), PlanError, "or the function alone"),
    "no function": (lambda: make().add_callable("f", 5), PlanError, "unit 'f' needs a function, got 5"),
    "save_to of a wrong type": (
        lambda: make().add_callable("f", function, save_to=5),
        PlanError,
        "save_to of unit 'f' must be a name",
    ),
    "save_to with a number": (
        lambda: make().add_callable("f", function, save_to=["a", 1]),
        PlanError,
        "save_to of unit 'f' must be a name, or a list of names and None, got ['a', 1]",
    ),
    "empty save_to": (
        lambda: make().add_callable("f", function, save_to=[]),
        PlanError,
        "save_to of unit 'f'",
    ),
    "when of no number": (
        lambda: make().add_callable("f", function, when="%x"),
        PlanError,
        "when of unit 'f': ",
    ),
    "when of zero": (lambda: make().add_callable("f", function, when=0), PlanError, "when of unit 'f': "),
    "negative when": (lambda: make().add_callable("f", function, when=-1), PlanError, "when of unit 'f': "),
    "when of a float": (
        lambda: make().add_callable("f", function, when=1.5),
        PlanError,
        "when of unit 'f': ",
    ),
    "when with a bad member": (
        lambda: make().add_callable("f", function, when=[1, "%x"]),
        PlanError,
        "when of unit 'f': ",
    ),
    "dump never": (lambda: make().add_callable("f", function, dump=0), PlanError, "dump of unit 'f': "),
    "save never": (lambda: make().save(O("f"), "x", when=0), PlanError, "when of unit 'save x': "),
    "dump of a unit never": (lambda: make().dump("x", when=0), PlanError, "when of unit 'dump"),
    "save without a name": (lambda: make().save(O("f")), PlanError, "save() needs the name of a variable"),
    "unknown mode": (
        lambda: make().add_executable_unit("f", function, mode="fnc"),
        PlanError,
        "mode of unit 'f' must be 'func' or 'generator', got 'fnc'",
    ),
    "generator function as a callable": (
        lambda: make().add_callable("g", generator),
        PlanError,
        "unit 'g' is a generator function",
    ),
    "generator function by its name": (
        lambda: make().generator(),
        PlanError,
        "unit 'generator' is a generator",
    ),
    "partial of a generator function": (
        lambda: make().add_callable("g", functools.partial(generator, 3)),
        PlanError,
        "add it with add_generator",
    ),
    "object that is called like a generator function": (
        lambda: make().add_callable("g", Thing.Callable()),
        PlanError,
        "unit 'g' is a generator function",
    ),
    "args that are no list": (
        lambda: make().add_callable("f", function, args="abc"),
        PlanError,
        "args of unit 'f' must be a list or a named expression, got 'abc'",
    ),
    "kwargs that are no mapping": (
        lambda: make().add_callable("f", function, kwargs=[1]),
        PlanError,
        "kwargs of unit 'f' is unpacked",
    ),
    "timeout in words": (
        lambda: make().add_callable("f", function, timeout="1h"),
        PlanError,
        "timeout of unit 'f' is a positive number of seconds, got '1h'",
    ),
    "instance with a dot": (lambda: make().add_instance("a.b", Thing), PlanError, "must be an identifier"),
    "instance of nothing": (lambda: make().add_instance("a", 5), PlanError, "instance 'a' needs a class"),
    "instance twice": (
        lambda: make().add_instance("a", Thing).add_instance("a", Thing),
        PlanError,
        "there already is a unit or instance 'a'",
    ),
    "namespace that is not importable": (
        lambda: make().add_namespace("no_such_module"),
        NamespaceError,
        "cannot import the namespace 'no_such_module': ModuleNotFoundError",
    ),
    "namespace of another kind": (lambda: make().add_namespace(5), NamespaceError, "a namespace is a module"),
    "namespace in the constructor": (lambda: Experiment(namespaces=[5]), NamespaceError, "a namespace is"),
}

BY_THE_PLAN = {
    "typo in O": (
        lambda: make().function(x=1).add_callable("use", function, x=[O("functoin")]),
        UnknownUnitError,
        "unit 'use' refers to O('functoin'), but there is no unit 'functoin' (did you mean 'function'?)",
    ),
    "typo in E": (
        lambda: make().add_instance("model", Thing).function(x=E("modle").x),
        UnknownUnitError,
        "unit 'function' refers to E('modle'), but there is no unit 'modle' (did you mean 'model'?)",
    ),
    "output of an instance": (
        lambda: make().add_instance("model", Thing).function(x=O("model")),
        UnknownUnitError,
        "refers to O('model')",
    ),
    "output of a later unit": (
        lambda: make().add_callable("use", function, x=O("later")).add_callable("later", function, x=1),
        DependencyError,
        "unit 'use' needs O('later'), but 'later' has not run by then; add it earlier",
    ),
    "output of itself": (
        lambda: make().add_callable("f", function, x=O("f")),
        DependencyError,
        "unit 'f' needs O('f')",
    ),
    "save before the unit": (
        lambda: make().save(O("f"), "x").add_callable("f", function, x=1),
        DependencyError,
        "unit 'save x' needs O('f')",
    ),
    "output of a unit that starts later": (
        lambda: (
            make().add_callable("f", function, x=1, when=10).add_callable("g", function, x=O("f"), when=5)
        ),
        DependencyError,
        "unit 'g' needs O('f')",
    ),
    "output of a later unit in the last iteration": (
        lambda: (
            make()
            .add_callable("f", function, x=O("g"), when="last")
            .add_callable("g", function, x=1, when="last")
        ),
        DependencyError,
        "unit 'f' needs O('g')",
    ),
    "unknown parameter of a class": (
        lambda: make().add_instance("thing", Sized, sise=1),
        PlanError,
        "'thing' cannot be called like this: missing a required argument: 'size'; its parameters are (size)",
    ),
    "iterator that is not made yet": (
        lambda: make().add_callable("f", function, x=E("g")).add_generator("g", generator),
        DependencyError,
        "unit 'f' needs E('g')",
    ),
    "unit with a dot but no such instance": (
        lambda: make().add_instance("model", Thing).add_callable("modle.method", x=1),
        UnknownUnitError,
        "unit 'modle.method' refers to an instance 'modle' that does not exist (did you mean 'model'?)",
    ),
    "unit with a dot at its end": (
        lambda: make().add_instance("model", Thing).add_callable("model."),
        PlanError,
        "unit 'model.' must name a method of the instance 'model'",
    ),
    "generator method as a callable": (
        lambda: make().add_instance("model", Thing).add_callable("model.many"),
        PlanError,
        "unit 'model.many' is a generator function",
    ),
    "instance that needs an output": (
        lambda: make().function(x=1).add_instance("model", Thing, x=O("function")),
        DependencyError,
        "instance 'model' is made before any unit runs and cannot use O('function')",
    ),
    "instance that needs a later one": (
        lambda: make().add_instance("a", Thing, x=E("b")).add_instance("b", Thing),
        UnknownUnitError,
        "instance 'a' refers to E('b'), but no instance 'b' is made before it",
    ),
    "unknown parameter": (
        lambda: make().add_callable("f", function, x=1, z=EC("z")),
        PlanError,
        "'f' cannot be called like this: got an unexpected keyword argument 'z'; its parameters are (x, y=1)",
    ),
    "missing parameter": (
        lambda: make().add_callable("f", functools.partial(function, y=2)),
        PlanError,
        "'f' cannot be called like this: missing a required argument: 'x'",
    ),
    "missing parameter of a method": (
        lambda: make().add_callable("f", Thing().method),
        PlanError,
        "missing a required argument: 'x'",
    ),
}


@pytest.mark.parametrize("case", AT_ONCE)
def test_error_when_it_is_written(case):
    build, error, message = AT_ONCE[case]
    with pytest.raises(error) as caught:
        build()
    assert message in str(caught.value)


@pytest.mark.parametrize("case", BY_THE_PLAN)
def test_error_before_the_run(case):
    build, error, message = BY_THE_PLAN[case]
    experiment = build()
    with pytest.raises(error) as caught:
        Executor(experiment, configs=[{"z": 1}])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "build",
    [
        lambda: (
            make()
            .add_callable("f", function, x=1, when="last")
            .add_callable("g", function, x=O("f"), when="last")
        ),
        lambda: make().add_callable("f", function, x=1, when=5).add_callable("g", function, x=O("f"), when=5),
        lambda: make().add_callable("g", function, x=O("f"), when=2).add_callable("f", function, x=1),
        lambda: (
            make()
            .add_callable("f", function, x=1, when=["last", 7])
            .add_callable("g", function, x=O("f"), when=3)
        ),
        lambda: make().add_callable("f", function, args=EC("list")),
        lambda: make().add_callable("f", function, kwargs=EC()),
        lambda: make().add_instance("f", Flexible, anything=1),
        lambda: make().add_instance("f", Sized, size=1).add_instance("g", dict, a=1),
        lambda: make().add_callable("f", functools.wraps(function)(lambda *a, **k: 1), other=2),
    ],
)
def test_plans_that_may_be_right_are_accepted(build):
    build().build()


def test_missing_key_of_the_config_is_found_before_the_run():
    experiment = make().function(x=[EC("rat")], y=EC("model/layers"))
    with pytest.raises(PlanError) as caught:
        Executor(experiment, configs=[{"rate": 1, "model": {"layers": 1}}])
    message = str(caught.value)
    assert "'function' refers to EC('rat'), but no config has that key (did you mean 'rate'?)" in message
    assert "the parameters are 'model', 'rate'" in message or "'model/layers', 'rate'" in message
    experiment = make().function(x=EC("model/layers"), y=EC().get("none", 1))
    Executor(experiment, configs=[{"model/layers": 1, "a": 2}, {"a": 1, "model/layers": 2}])
    Executor(make().function(x=EC("model/layers")), configs=[{"model": {"layers": 1}}])
    Executor(make().function(x=EC("model")), configs=[{"model/layers": 1}])


AT_RUN_TIME = {
    "args that cannot be evaluated": (
        lambda: make().add_callable("f", function, args=[EC("x").nothing]),
        "cannot evaluate EC('x').nothing: AttributeError",
    ),
    "args that are no sequence after evaluation": (
        lambda: make().add_callable("f", function, args=EC("x")),
        "cannot evaluate EC('x'): args needs a sequence, got int",
    ),
    "kwargs that are no mapping after evaluation": (
        lambda: make().add_callable("f", function, kwargs=EC("x")),
        "cannot evaluate EC('x'): kwargs needs a mapping, got int",
    ),
    "output before the first one": (
        lambda: make().add_callable("f", function, x=1, when="last").add_callable("g", function, x=O("f")),
        "O('f') has no output yet: the unit has not run before this one",
    ),
    "generator that is not iterable": (
        lambda: make().add_generator("f", lambda: 5),
        "generator unit 'f' must give something iterable, got int",
    ),
}


@pytest.mark.parametrize("case", AT_RUN_TIME)
def test_error_at_run_time_fails_the_experiment_and_names_unit_and_expression(case):
    build, message = AT_RUN_TIME[case]
    (running,) = Executor(build(), configs=[{"x": 5}], n_iters=2).run().experiments
    assert message in running.failure.message
    assert running.failure.unit in ("f", "g")


def test_method_that_does_not_exist_names_unit_and_class():
    experiment = make().add_instance("thing", Thing).add_callable("thing.nothing", x=1)
    (running,) = Executor(experiment).run().experiments
    assert running.failure.message == "unit 'thing.nothing': 'Thing' object has no attribute 'nothing'"


def test_instance_that_cannot_be_made_fails_and_its_units_are_left_out():
    experiment = (
        make()
        .add_instance("thing", Thing, unknown=1)
        .add_callable("thing.method", x=1, save_to="a")
        .add_callable("free", lambda: 1, save_to="b")
    )
    (running,) = Executor(experiment).run().experiments
    assert running.failure.unit == "thing"
    assert running.results == {"b": {0: 1}}
    (running,) = Executor(experiment, finalize=False).run().experiments
    assert running.results == {}


def batchflow_expression(name="C", module="batchflow.named_expr"):
    """An object like a named expression of batchflow: every attribute is an expression, and it never ends."""
    base = type("NamedExpression", (), {"__module__": "batchflow.named_expr"})

    def attribute(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    members = {
        "__module__": module,
        "__getattr__": attribute,
        "__getitem__": lambda self, key: self,
        "__call__": lambda self, *args: self,
        "__repr__": lambda self: f"{name}(x)",
    }
    return type(name, (base,), members)()


@pytest.mark.parametrize(
    "add",
    [
        lambda e, c: e.add_callable("unit", abs, args=[c]),
        lambda e, c: e.add_callable("unit", dict, x=[{"a": (1, c)}]),
        lambda e, c: e.add_callable("unit", dict, kwargs={"x": c}),
        lambda e, c: e.add_callable("unit", c),
        lambda e, c: e.add_generator("unit", range, args=[c]),
        lambda e, c: e.add_instance("unit", dict, x=c),
        lambda e, c: e.save(c, "y"),
    ],
)
def test_expressions_of_batchflow_are_refused_where_they_are_added(add):
    experiment = Experiment()
    with pytest.raises(PlanError, match=r"has C\(x\), an expression of batchflow.*EC\('key'\)"):
        add(experiment, batchflow_expression())
    assert experiment.build().names == ()


@pytest.mark.parametrize(
    ("expression", "instead"),
    [
        (batchflow_expression("V"), r"E\('unit'\)\.v\('variable'\)"),
        (batchflow_expression("EC", "batchflow.research.named_expr"), "import EC from research_stack"),
        (batchflow_expression("W"), "give the value"),
    ],
    ids=repr,
)
def test_expressions_of_batchflow_have_something_in_their_place(expression, instead):
    with pytest.raises(PlanError, match=instead):
        Experiment().add_callable("unit", abs, args=[expression])


@pytest.mark.parametrize("cls", [E, EC, O, EP, R, S])
def test_class_of_expressions_without_parentheses_is_refused(cls):
    for value in (cls, [1, {"a": cls}]):
        with pytest.raises(
            PlanError, match=rf"unit 'f' has the class {cls.__name__} .* write {cls.__name__}\("
        ):
            Experiment().add_callable("f", abs, args=[value])
    with pytest.raises(PlanError, match="where an expression was meant"):
        Experiment().save(cls, "x")


class ForeignConfig:
    """A config of another library: no mapping, nested, with paths."""

    def __init__(self, config):
        self.config = config

    def keys(self):
        return self.config.keys()

    def __getitem__(self, key):
        return self.config[key]

    def flatten(self):
        return dict(Config(self.config).flatten())


def test_configs_of_other_libraries_are_configs():
    experiment = Experiment().add_callable(
        "f", dict, x=EC("m/x"), kwargs=ForeignConfig({"y": 5}), save_to="f"
    )
    nested = ForeignConfig({"m": {"x": 1}})
    for options in ({"configs": [nested]}, {"executor_config": nested}, {"branches_configs": [nested]}):
        (running,) = Executor(experiment, **options).run().experiments
        assert running.results == {"f": {0: {"x": 1, "y": 5}}}
    assert experiment.init(0, nested).call("f", 0) == {"x": 1, "y": 5}
    assert EC().remove_keys(ForeignConfig({"a": 1, "repetition": 0})) == {"a": 1}
    with pytest.raises(ExecutorError, match="must be a list with one config per branch"):
        Executor(experiment, configs=nested)


def test_expression_can_be_the_function_of_a_unit():
    experiment = Experiment().add_instance("words", list).add_callable("add", E("words").append, args=["a"])
    (running,) = Executor(experiment.save(E("words").copy(), "words"), n_iters=2).run().experiments
    assert running.results == {"words": {0: ["a"], 1: ["a", "a"]}}
    with pytest.raises(UnknownUnitError, match="did you mean 'words'"):
        Experiment().add_instance("words", list).add_callable("add", E("word").append).build()


@pytest.mark.parametrize("name", ["", "caf\udce9", "n" * 1001], ids=ascii)
def test_name_that_no_database_holds_is_refused_when_it_is_written_or_saved(name):
    with pytest.raises(PlanError, match="cannot be the name of a variable"):
        Experiment().add_callable("unit", function, x=1, save_to=name)
    for unit, options in (
        (lambda storage: {name: 1}, {"save_output_dict": True}),
        (lambda storage: storage.update_variable(name, 1), {}),
    ):
        experiment = Experiment().add_callable("unit", unit, storage=S(), **options)
        failure = Executor(experiment).run().experiments[0].failure
        assert failure.unit == "unit"
        assert "cannot be the name of a variable" in failure.message


def test_one_name_for_two_parts_of_an_output_is_refused():
    with pytest.raises(PlanError, match=r"'unit' has 'a' twice"):
        Experiment().add_callable("unit", function, x=1, save_to=["a", None, "a"])
