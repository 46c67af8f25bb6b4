"""Settings of a domain: what changes them, what keeps them, and what says that it drops them."""

import base64
import copy
import itertools
import pickle
import subprocess
import sys
import zlib

import numpy as np
import pytest
from domain_oracle import plain
from domain_strategies import expressions, has_a
from hypothesis import given
from hypothesis import strategies as st

from research_domain import Domain, DomainWarning, NumpySampler, ParameterError, SamplerError

SETTINGS = {
    "n_items": st.none() | st.integers(0, 9),
    "n_reps": st.integers(1, 3),
    "repeat_each": st.none() | st.integers(1, 5),
    "produced": st.integers(0, 9),
    "additional": st.booleans(),
    "create_id_prefix": st.booleans() | st.integers(0, 3),
    "seed": st.integers(0, 99),
}
calls = st.lists(st.fixed_dictionaries({}, optional=SETTINGS), max_size=4)


def told(domain):
    params = domain.iter_params
    return {name: getattr(params, name) for name in SETTINGS}


@given(calls)
def test_set_iter_params_changes_what_it_is_given_and_leaves_the_rest(calls):
    domain = Domain(a=[1, 2])
    expected = told(domain)
    for call in calls:
        expected.update(call)
        assert told(domain.set_iter_params(**call)) == expected


@given(expressions, st.fixed_dictionaries({}, optional=SETTINGS))
def test_domains_of_one_operand_keep_its_settings(expression, settings):
    domain = expression.domain().set_iter_params(**settings).set_update(lambda: None, "last")
    twins = [
        domain.copy(),
        Domain(domain),
        copy.copy(domain),
        domain.where(has_a),
        0.5 * domain,
        domain * 2,
        sum([domain]),
        Domain(domain, z=[1]),
    ]
    for twin in twins:
        assert told(twin) == told(domain)
        assert twin.update_rule == domain.update_rule
        assert twin.set_iter_params(n_reps=3).iter_params.n_reps == 3
    assert told(domain) == {**told(Domain()), **settings}


@pytest.mark.parametrize(
    ("join", "dropped"),
    [
        (lambda a, b: a * b, r"set_iter_params\(n_items=2, seed=1\) of the domain on the left of \*"),
        (lambda a, b: b * a, r"set_iter_params\(n_items=2, seed=1\) of the domain on the right of \*"),
        (lambda a, b: a + b, r"set_iter_params\(n_items=2, seed=1\) .* left of \+"),
        (lambda a, b: b @ a, r"set_iter_params\(n_items=2, seed=1\) .* right of @"),
        (lambda a, b: 0.5 * a + 0.5 * b, r"set_iter_params\(n_items=2, seed=1\) .* left of \+"),
    ],
)
def test_domains_of_two_operands_say_that_settings_are_dropped(join, dropped):
    one, other = Domain(a=[1, 2, 3]).set_iter_params(n_items=2, seed=1), Domain(b=[1, 2, 3])
    with pytest.warns(DomainWarning, match=dropped) as caught:
        joined = join(one, other)
    assert caught[0].filename == __file__
    assert told(joined) == told(Domain())


def test_a_dropped_update_is_said():
    one = Domain(a=[1]).set_update(max, ["%2", "last"], n_reps=2, key=[1])
    with pytest.warns(DomainWarning, match=r"^set_update\(max, when=\['%2', 'last'\], key=\[1\], n_reps=2\)"):
        one + Domain(b=[1])


def test_none_takes_back_what_was_set():
    domain = Domain(x=NumpySampler("n")).set_iter_params(n_items=2, seed=1)
    before = list(domain)
    domain.set_iter_params(n_items=None, seed=None)
    assert domain.size is None
    assert list(itertools.islice(domain, 2)) != before
    assert Domain(domain) * Domain(a=[1])  # nothing is set, so nothing is dropped


def test_a_refused_call_changes_nothing():
    domain = Domain(a=[1, 2]).set_iter_params(n_items=1)
    with pytest.raises(ParameterError, match="seed"):
        domain.set_iter_params(n_reps=2, seed="x")
    assert (domain.iter_params.n_reps, domain.size) == (1, 1)


def sampled():
    return [
        Domain(x=NumpySampler("n")) * Domain(a=[1, 2, 3]),
        0.5 * Domain(a=[1, 2, 3]) + 0.5 * Domain(b=[1, 2, 3]),
    ]


@pytest.mark.parametrize("number", range(2))
def test_what_is_made_of_a_domain_without_a_seed_draws_the_same(number):
    domain = sampled()[number]
    twins = [domain.copy(), Domain(domain), copy.deepcopy(domain), pickle.loads(pickle.dumps(domain))]
    assert len({tuple(map(str, twin)) for twin in [domain, *twins]}) == 1
    assert plain(domain.where(has_a)) == [config for config in plain(domain) if "a" in config]


def test_other_processes_see_the_configs_of_a_domain_that_nobody_iterated():
    domain = sampled()[0]
    code = "import pickle, sys; print([c.config()['x'] for c in pickle.load(sys.stdin.buffer)])"
    seen = [
        subprocess.run(
            [sys.executable, "-c", code], input=pickle.dumps(domain), capture_output=True, check=True
        )
        for _ in range(2)
    ]
    expected = str([config.config()["x"] for config in domain])
    assert [run.stdout.decode().strip() for run in seen] == [expected] * 2


def test_default_seed_is_for_domains_that_were_given_none():
    ours, theirs = sampled()[0].set_default_seed(1), sampled()[0].set_iter_params(seed=2)
    assert plain(theirs.copy().set_default_seed(1)) == plain(theirs)
    assert plain(ours) == plain(sampled()[0].set_iter_params(seed=1))
    assert ours.iter_params.seed is None


class TestUpdates:
    def test_each_setting_of_a_new_domain_is_its_own_or_taken_over(self):
        old = Domain(a=[1]).set_iter_params(n_reps=2, repeat_each=1, create_id_prefix=True, seed=4)
        old.set_update(lambda: Domain(a=[5, 6, 7]).set_iter_params(n_items=2), "last")
        new = old.update(generated=2)
        assert told(new) == {
            **told(Domain()),
            "n_items": 2,
            "n_reps": 2,
            "repeat_each": 1,
            "produced": 2,
            "create_id_prefix": True,
        }
        assert [config["a"] for config in plain(new)] == [5, 5, 6, 6]

    def test_own_settings_stand_above_those_of_the_update(self):
        own = Domain(a=[5, 6]).set_iter_params(n_reps=1, n_items=1)
        old = Domain(a=[1]).set_update(lambda: own, "last", n_reps=3, repeat_each=1)
        params = old.update(generated=1).iter_params
        assert (params.n_items, params.n_reps, params.repeat_each) == (1, 1, 1)

    def test_own_seed_stands_above_that_of_the_old_domain(self):
        def new(**seed):
            old = Domain(a=[1]).set_iter_params(seed=3)
            domain = Domain(x=NumpySampler("n")).set_iter_params(n_items=3, **seed)
            return plain(old.set_update(lambda: domain, "last").update(generated=1))

        assert new() == new(seed=None) == new(seed=3) != new(seed=5) == new(seed=5)


class Holder:
    """Draws by a generator of its own, some attributes down."""

    def __init__(self, kind):
        rng = np.random.default_rng() if kind == "generator" else np.random.RandomState()
        self.parts = [{"inner": Bare(rng)}]

    def sample(self, size):
        return self.parts[0]["inner"].rng.normal(size=size)


class Bare:
    __slots__ = ("rng",)

    def __init__(self, rng):
        self.rng = rng


class Dice:
    def sample(self, size):
        return np.random.default_rng().integers(0, 2**60, size)


@pytest.mark.parametrize("kind", ["generator", "legacy"])
def test_objects_that_hold_a_generator_are_seeded_on_a_copy(kind):
    holder = Holder(kind)
    before = str(holder.parts[0]["inner"].rng.__getstate__())
    domain = (Domain(x=holder) * Domain(a=range(1500))).set_iter_params(seed=1)
    values = [config["x"] for config in plain(domain)]
    again = (Domain(x=Holder(kind)) * Domain(a=range(1500))).set_iter_params(seed=1)
    assert [config["x"] for config in plain(again)] == values
    assert again[1234] == domain[1234]
    assert len(set(values)) == 1500
    assert str(holder.parts[0]["inner"].rng.__getstate__()) == before
    assert domain.unrepeatable == ()


def test_objects_that_cannot_be_copied_are_not_seeded():
    holder = Holder("generator")
    holder.lock = (number for number in range(3))
    assert Domain(x=holder).unrepeatable == ("x",)


def test_draws_that_no_seed_repeats_are_said_when_one_is_given():
    domain = Domain({"m/x": Dice(), "y": NumpySampler("n"), "b": Dice()})
    assert domain.unrepeatable == ("b", "m/x")
    for seed_it in (lambda: domain.set_iter_params(seed=1), lambda: domain.sample(2, seed=1)):
        with pytest.warns(DomainWarning, match="drawn for 'b', 'm/x'") as caught:
            seed_it()
        assert caught[0].filename == __file__
    domain.copy().set_default_seed(2)
    domain.set_iter_params(n_items=3)


def test_draws_that_no_seed_repeats_are_kept_with_their_domain_and_its_copies():
    domain = Domain(x=Dice(), a=range(1200))
    expected = plain(domain)
    twins = [domain.copy(), pickle.loads(pickle.dumps(domain)), domain.where(has_a)]
    assert all(plain(twin) == expected for twin in [domain, *twins])


def test_kept_draws_are_taken_from_a_mapping():
    def domain(draws, **more):
        return Domain(x=Dice(), **more).set_default_seed(7).keep_draws(draws)

    draws = {}
    expected = domain(draws)[0:600]
    assert domain(draws)[0:600] == expected
    assert sorted(map(len, draws.values())) == [512, 512]
    assert all(isinstance(key, str) for key in draws)
    assert domain({})[0:600] != expected


HUGE = 2**70


def huge():
    grid = Domain({f"p{number}": [0, 1] for number in range(70)})
    span, sampled = Domain(a=range(HUGE)), Domain(x=NumpySampler("n"))
    return [
        grid,
        span,
        grid * sampled,
        span + sampled,
        0.5 * grid + 0.5 * span,
        (0.5 * grid + 0.5 * span) @ Domain(b=range(2 * HUGE)),
        grid.where(lambda config: True),
        (grid * sampled).where(lambda config: True),
    ]


@pytest.mark.parametrize("number", range(8))
def test_no_grid_is_too_large_to_be_iterated(number):
    domain = huge()[number].set_iter_params(seed=1)
    expected = list(itertools.islice(domain, 3))
    assert domain[0:3] == expected == [domain[index] for index in range(3)]
    assert list(domain.copy().set_iter_params(n_items=3)) == expected
    assert domain.copy().set_iter_params(n_items=3, n_reps=2).size == 6
    for settings in ({"n_items": HUGE}, {"n_reps": HUGE, "repeat_each": 2}):
        assert next(iter(domain.copy().set_iter_params(**settings))) == expected[0]
    if number < 4:  # the others reach a position by enumerating what lies before
        assert next(iter(domain.copy().set_iter_params(n_reps=2, repeat_each=HUGE))) == expected[0]
        assert next(domain.iterate(HUGE - 1)) == domain[HUGE - 1]
        assert domain[HUGE - 2 : 4 * HUGE : HUGE][0] == domain[HUGE - 2]


def test_counts_past_the_end_of_small_domains():
    domain = Domain(a=[1, 2, 3])
    assert domain[0:HUGE] == domain[0:HUGE:1] == list(domain)
    assert plain(itertools.islice(domain.set_iter_params(n_items=HUGE), 4)) == [
        {"a": k} for k in (1, 2, 3, 1)
    ]
    assert domain.len == HUGE


@pytest.mark.parametrize("ask", [lambda d: d[0:HUGE], lambda d: d.sample(HUGE), lambda d: d[1:HUGE:2]])
def test_lists_that_no_memory_holds_are_refused(ask):
    for domain in (Domain(x=NumpySampler("n")), Domain(a=range(2 * HUGE))):
        with pytest.raises(ParameterError, match="a list cannot hold"):
            ask(domain)


@pytest.mark.parametrize("value", [0.5, "a", None, np.arange(3), [1], HUGE, -1, 10.0**300, float("nan")])
def test_what_is_not_in_a_long_range_is_told_at_once(value):
    assert {"a": value} not in Domain(a=range(10**15))


@pytest.mark.parametrize("value", [10**14, 1e14, np.int64(10**14), np.float32(2**40)])
def test_numbers_in_a_long_range_match_by_value(value):
    assert {"a": value} in Domain(a=range(10**15))


def test_weight_that_no_float_holds():
    with pytest.raises(ParameterError, match="weight"):
        10**400 * Domain(a=[1])


class Failing:
    def __init__(self, error):
        self.error = error

    def sample(self, size):
        raise self.error


@pytest.mark.parametrize(
    "sampler",
    [
        NumpySampler("n").apply(int),
        NumpySampler("n").apply(lambda x: [1]),
        NumpySampler("n").apply(lambda x: x.nothing),
        NumpySampler("n").truncate(expr=float, high=1),
        [1, 2, 3] * NumpySampler("n", dim=2),
        Failing(KeyError("k")),
        Failing(SamplerError("size", "is odd")),
    ],
)
def test_draws_that_fail_name_the_parameter(sampler):
    with pytest.raises(SamplerError, match="parameter 'width'") as caught:
        Domain(width=sampler)[0]
    assert caught.value.parameter == "width"


PICKLED = (
    r"c-nPRO>fgc5KV~fB;vpYI8-W71X3a(zX3``B`jG8xNtz$+B;-dadxe>ovH^UI5a5I+!+2Z<8?m_ReYKCe7t#YW_|>J"
    r"o{k3o!-ozk5H44#v}>WwqBDfiN%#0o^PlvcW*DZfDS#5Zo35a&Q|ZK6#Sso<R-O|c{tqRJC1g%4F5|&*Ydl`kmet_a"
    r"6{#r(pZRqim|;}e#^peGv==eA>r5Mv%=4`^xu|>PVG2f8G{;G<bRiuWQulHE!CBely+n0@kM=e&Rzk&`Po0)M?5Psf"
    r"rSctyrL_eoJ-Cgc1^dG{-u8s0T_nM9sW;4vF*c%TSn5zvv!yH^#&@=~r3?S39%JyS6sE`d*$zi5I43o`^1MjY%bj|K"
    r"!_3!U<Po|3Bx`h0Ytu4u!YqMd;=%jZ$M**D@E3jb>04?c$94m*5GCzA#FM>a`NoLg+QGzp13hVzG*^(Xcq8$EH_%=P"
    r"eI<3Ej&7K%=eJm^g;za_gB#TsgyX9|>J+1Q{@q_f=|E~;I{YJYBusl=81Q^}#vK&5y_VUH=M3~x)s(0&^Dd=o-P2Ta"
    r"6H!~o+lf*Kf^Rixvc+HNAVe?"
)
"""``Domain(a=[1, 2]) * Domain(b=range(10**6)) + Domain(a=[3, 4]).where(any)``, as folders have it."""


def test_what_was_pickled_before_is_that_domain_still():
    domain = pickle.loads(zlib.decompress(base64.b85decode(PICKLED)))
    assert domain == Domain(a=[1, 2]) * Domain(b=range(10**6)) + Domain(a=[3, 4]).where(any)
    assert (len(domain), domain[-1].config()["a"]) == (2_000_002, 4)
