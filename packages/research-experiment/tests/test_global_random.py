"""The global generators of random numbers: a stream for each experiment."""

import random
import subprocess
import sys

import numpy as np
import pytest

from research_experiment import EC, E, Executor, Experiment, Surroundings
from research_experiment.execution._mersenne import Mersenne
from research_experiment.execution.global_random import ScriptRandom, global_seed

STAND_IN = """
state = 0
def manual_seed(seed):
    global state
    state = seed
class cuda:
    is_initialized = staticmethod(lambda: False)
def get_rng_state():
    return state
def set_rng_state(new):
    global state
    state = new
"""


@pytest.fixture(autouse=True)
def _script_random():
    script = ScriptRandom()
    script.keep()
    yield
    script.put_back()


@pytest.fixture
def torch(tmp_path, monkeypatch):
    """A small module in the place of PyTorch, which is not imported yet."""
    (tmp_path / "torch.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    yield
    sys.modules.pop("torch", None)


def draw(x):
    return random.random(), float(np.random.random())


def drawn(experiment, configs, **options):
    """Return what each branch saved, by its parameter x."""
    surroundings = Surroundings(entropy=5, seed_globals=True)
    executor = Executor(experiment, configs, surroundings=surroundings, **options).run()
    assert not any(one.is_failed for one in executor.experiments)
    return {one.config["x"]: list(one.results["y"].values()) for one in executor.experiments}


def configs(*values):
    return [{"x": value} for value in values]


def test_equal_experiments_draw_equal_numbers_and_others_different_ones():
    experiment = Experiment().add_callable(draw, x=EC("x"), save_to="y")
    assert drawn(experiment, configs(1)) == drawn(experiment, configs(1))
    assert drawn(experiment, configs(1))[1] != drawn(experiment, configs(2))[2]


def test_branches_in_turn_draw_what_they_draw_alone():
    experiment = Experiment().add_callable(draw, x=EC("x"), save_to="y")
    alone = {x: drawn(experiment, configs(x), n_iters=3)[x] for x in (1, 2, 3)}
    assert drawn(experiment, configs(1, 2, 3), n_iters=3, target="for") == alone


def test_a_root_has_a_stream_of_its_own():
    def rooted(draws):
        def common():
            return [random.random() for _ in range(draws)]

        return Experiment().add_callable(common, root=True).add_callable(draw, x=EC("x"), save_to="y")

    one, other = (drawn(rooted(draws), configs(1, 2), n_iters=2, target="for") for draws in (1, 50))
    assert one == other


def test_numbers_of_instances_are_seeded_as_well():
    class Model:
        def __init__(self):
            self.weight = random.random()

    def weight(x, model):
        return model.weight

    experiment = (
        Experiment()
        .add_instance("model", Model)
        .add_callable(weight, x=EC("x"), model=E("model"), save_to="y")
    )
    assert drawn(experiment, configs(1)) == drawn(experiment, configs(1))


@pytest.mark.parametrize("entropy", [np.int64(3), [3], (np.uint32(3),), np.array([3])])
def test_a_seed_is_the_same_whatever_kind_of_number_it_is(entropy):
    assert global_seed(entropy, b"digest") == global_seed(3, b"digest")


def test_an_executor_that_was_not_asked_seeds_nothing():
    experiment = Experiment().add_callable(draw, x=EC("x"), save_to="y")
    random.seed(1)
    first = Executor(experiment, configs(1)).run().experiments[0].results["y"]
    second = Executor(experiment, configs(1)).run().experiments[0].results["y"]
    assert first != second


def test_a_generator_that_a_unit_puts_under_numpy_does_not_stay():
    def other(x):
        if x == 1:
            np.random.set_bit_generator(np.random.PCG64(0))
        return float(np.random.random())

    experiment = Experiment().add_callable(other, x=EC("x"), save_to="y")
    alone = drawn(experiment, configs(2))
    drawn(experiment, configs(1))
    assert drawn(experiment, configs(2)) == alone


def test_an_experiment_does_not_find_the_second_of_two_normal_numbers_of_another():
    def normal(x):
        return random.gauss(0, 1), float(np.random.randn())

    experiment = Experiment().add_callable(normal, x=EC("x"), save_to="y")
    alone = drawn(experiment, configs(2))
    drawn(experiment, configs(1))
    assert drawn(experiment, configs(2)) == alone


def test_a_unit_may_seed_numpy_itself():
    def own(x):
        np.random.seed(x)
        return float(np.random.random())

    experiment = Experiment().add_callable(own, x=EC("x"), save_to="y")
    assert drawn(experiment, configs(3))[3] == [np.random.RandomState(3).random_sample()]


@pytest.mark.parametrize("seed", [bytes(24), bytes(range(24)), b"\xff" * 24], ids=bytes.hex)
def test_numpy_is_seeded_alike_where_its_memory_is_not_as_expected(seed):
    known, strange = Mersenne(), Mersenne()
    assert known._is_known
    strange._is_known = False
    for mersenne in (known, strange):
        mersenne.generator.random_raw(100)
        mersenne.seed(seed)
    assert known.generator.random_raw(2000).tolist() == strange.generator.random_raw(2000).tolist()


def test_the_words_of_numpys_generator_are_numbers_of_sfc64():
    """SFC64 starts from three words of the seed and a counter, and leaves out twelve numbers."""
    mersenne, source = Mersenne(), np.random.SFC64(0)
    words = np.array([1, 2, 3, 1], np.uint64)
    source.state = {"bit_generator": "SFC64", "state": {"state": words}, "has_uint32": 0, "uinteger": 0}
    numbers = source.random_raw(324)[12:]
    mersenne.seed(words[:3].astype("<u8").tobytes())
    assert mersenne.generator.state["state"]["key"].tolist() == numbers.astype("<u8").view("<u4").tolist()


def test_torch_is_seeded_when_a_unit_is_the_first_to_import_it(torch):
    def tensor(x):
        import torch

        return torch.state

    experiment = Experiment().add_callable(tensor, x=EC("x"), save_to="y")
    first = drawn(experiment, configs(1))
    assert first[1][0] > 0
    assert drawn(experiment, configs(1)) == first  # it is there now
    assert drawn(experiment, configs(2))[2] != first[1]


def late_tensor(x):
    """Return None in the first iteration of the first branch, else the state of a module that may be new."""
    if x == 1 and "torch" not in sys.modules:
        return None
    import torch

    return torch.state


def test_a_branch_never_draws_from_the_stream_of_the_one_that_imported_a_module(torch):
    in_step = Experiment().add_callable("root", lambda: None, root=True)
    experiment = in_step.add_callable(late_tensor, x=EC("x"), save_to="y")
    together = drawn(experiment, configs(1, 2), n_iters=2, target="for")
    alone = {x: drawn(experiment, configs(x))[x][0] for x in (1, 2)}
    assert together == {1: [None, alone[1]], 2: [alone[2]] * 2}


def test_what_experiments_have_imported_is_not_left_with_their_seeds(torch):
    script = ScriptRandom()
    script.keep()
    seeded = drawn(Experiment().add_callable(late_tensor, x=EC("x"), save_to="y"), configs(2))[2][0]
    script.put_back()
    assert sys.modules["torch"].state != seeded


LATE_NUMPY = """
import sys
from research_experiment import Executor, Experiment, Surroundings
assert "numpy.random" not in sys.modules or sys.argv[1] == "1"

def draw():
    import numpy.random
    return numpy.random.random()

experiment = Experiment().add_callable(draw, save_to="y")
run = lambda: Executor(experiment, surroundings=Surroundings(seed_globals=True)).run().experiments[0].results
first, second = run(), run()
assert first == second and first["y"], (first, second)
"""


def test_numpy_is_seeded_when_a_unit_is_the_first_to_import_its_generators():
    """NumPy 1 always has them."""
    subprocess.run([sys.executable, "-c", LATE_NUMPY, np.__version__[0]], check=True)


def test_the_script_finds_its_own_states_again():
    random.seed(7)
    np.random.set_bit_generator(np.random.PCG64(8))
    np.random.standard_normal()  # leaves a second number for the next call
    script = ScriptRandom()
    script.keep()
    expected = random.random(), np.random.standard_normal(), np.random.random()
    script.put_back()
    script.keep()
    drawn(Experiment().add_callable(draw, x=EC("x"), save_to="y"), configs(1))
    script.put_back()
    assert (random.random(), np.random.standard_normal(), np.random.random()) == expected
