"""What a domain was told about going through it holds in a research, unless the research gives its own."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from research_domain import DomainWarning, NumpySampler, ParameterError, UpdateError
from research_runner.errors import OptionError
from research_stack import EC, Domain, Research


def research(domain, name="study", unit=lambda a: a, **options):
    return Research(name, domain, **options).add_callable("unit", unit, a=EC("a"), save_to="y")


def values(study, **options):
    return (
        study.run(**{"parallel": False, "bar": False, "dump_results": False, **options})
        .results.df["y"]
        .tolist()
    )


def told(**settings):
    return Domain(a=[1, 2, 3]).set_iter_params(**settings)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"n_items": 2}, [1, 2]),
        ({"n_items": 4}, [1, 2, 3, 1]),
        ({"n_reps": 2}, [1, 2, 3, 1, 2, 3]),
        ({"n_reps": 2, "repeat_each": 1}, [1, 1, 2, 2, 3, 3]),
        ({"n_items": 2, "n_reps": 2}, [1, 2, 1, 2]),
    ],
)
def test_settings_of_the_domain_hold(settings, expected):
    assert values(research(told(**settings))) == expected
    spec = {"$iter": settings, "$domain": {"a": [1, 2, 3]}}
    assert values(research(Domain.from_spec(spec))) == expected
    plan = research(told(**settings)).plan()
    assert plan.experiments == plan.looked_at == len(expected)


def test_each_setting_of_the_research_stands_above_that_of_the_domain():
    domain = told(n_items=2, n_reps=3, repeat_each=2)
    assert values(research(domain, n_configs=1)) == [1, 1, 1]
    assert values(research(domain, n_reps=1)) == [1, 2]
    assert values(research(domain, repeat_each=1)) == [1, 1, 1, 2, 2, 2]
    assert domain.iter_params.n_reps == 3


def test_settings_are_shown():
    study = research(told(n_items=2, n_reps=3))
    assert "2, 3 times each" in str(study)
    assert "experiments   6" in str(study.plan())


def test_prefixes_of_ids_are_as_the_domain_says():
    def ids(**options):
        study = research(told(n_items=1, create_id_prefix=2))
        return study.run(parallel=False, bar=False, dump_results=False, **options).results.df["id"].tolist()

    assert re.fullmatch(r"00_00_[0-9a-f]{16}-0", ids()[0])
    assert re.fullmatch(r"[0-9a-f]{16}-0", ids(create_id_prefix=False)[0])


def test_seed_of_the_domain_is_that_of_its_draws():
    def sampled(**settings):
        return Domain(a=NumpySampler("n")).set_iter_params(n_items=3, **settings)

    ours = values(research(sampled(seed=5)))
    assert values(research(sampled(seed=5))) == ours == [c.config()["a"] for c in sampled(seed=5)]
    assert values(research(sampled(seed=5)), seed=6) == values(research(sampled()), seed=6) != ours
    assert values(research(sampled())) != values(research(sampled()))


@pytest.mark.parametrize("first", [{}, {"seed": 6}])
def test_a_resume_goes_on_with_the_seed_that_counted(first):
    def study(n_items):
        domain = Domain(a=NumpySampler("n")).set_iter_params(n_items=n_items, seed=5)
        return research(domain)

    before = values(study(2), dump_results=True, **first)
    after = values(study(3), dump_results=True, resume=True)
    assert after[:2] == before
    assert len(after) == 3
    seed = first.get("seed", 5)
    whole = Domain(a=NumpySampler("n")).set_iter_params(n_items=3, seed=seed)
    assert after == [config.config()["a"] for config in whole]


def test_settings_of_domains_that_updates_return_hold():
    def updated(new, **options):
        return values(research(Domain(a=[1])).update_domain(lambda: new, "%0", **options))

    assert updated(Domain(a=[5, 6, 7]).set_iter_params(n_items=2, n_reps=2)) == [1, 5, 6, 5, 6]
    assert updated(Domain(a=[5, 6, 7]).set_iter_params(n_items=2), n_reps=2) == [1, 5, 6, 5, 6]
    assert updated(Domain(a=[5, 6, 7]), n_items=1) == [1, 5]


@pytest.mark.parametrize("limit", ["domain", "research"])
def test_endless_domains_are_limited(limit):
    domain, options = Domain(a=NumpySampler("n")), {}
    if limit == "domain":
        domain.set_iter_params(n_items=2)
    else:
        options["n_configs"] = 2
    assert len(values(research(domain, **options))) == 2


@pytest.mark.parametrize("when", [None, "last"])
def test_endless_domains_are_refused_unless_an_update_comes(when):
    study = research(Domain(a=NumpySampler("n")))
    if when:
        study.update_domain(lambda: Domain(a=[1]), when)
    with pytest.raises(OptionError, match="would never end"):
        study.run(parallel=False, bar=False)
    assert not Path("study").exists()
    assert study.plan(infinite=True).experiments is None
    study.update_domain(lambda: Domain(a=[1]), "%2")
    assert len(values(study)) == 4


def test_an_update_that_returns_an_endless_domain_is_refused():
    endless = Domain(a=NumpySampler("n"))
    study = research(Domain(a=[1])).update_domain(lambda: endless, "%0")
    with pytest.raises(UpdateError, match=r"infinite domain.*n_items"):
        values(study)
    limited = research(Domain(a=[1])).update_domain(lambda: endless.copy().set_iter_params(n_items=2), "%0")
    assert len(values(limited)) == 3


class Dice:
    """Gives other values each time, as what does not let itself be seeded."""

    def sample(self, size):
        return np.random.default_rng().integers(0, 2**60, size)


def thrown(**options):
    return research(Domain(a=Dice(), b=[1, 2]) + Domain(a=Dice(), b=[3]), **options)


def test_draws_that_no_seed_repeats_are_said_if_a_seed_is_given():
    with pytest.warns(DomainWarning, match="drawn for 'a'") as caught:
        values(thrown(), seed=1)
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values(thrown())


def test_a_finished_research_has_the_same_configs_when_it_is_resumed():
    before = values(thrown(), dump_results=True)
    assert values(thrown(), dump_results=True, resume=True) == before
    more = values(thrown(n_configs=5), dump_results=True, resume=True)
    assert more[:3] == before
    assert len(set(more)) == 5
    Research.remove("study", ask=False)
    assert not Path("study").exists()


def test_repetitions_after_a_resume_have_the_draws_of_those_before():
    flag = Path("flag")

    def study():
        def unit(a, repetition):
            if repetition and not flag.exists():
                raise ValueError
            return a

        domain = Domain(a=Dice(), b=list(range(30))).where(lambda config: config["a"] % 2 == 0)
        return Research("study", domain, n_reps=2).add_callable(
            "unit", unit, a=EC("a"), repetition=EC("repetition", full=True), save_to="y"
        )

    study().run(parallel=False, bar=False, canary=0)
    flag.touch()
    df = study().run(parallel=False, bar=False, resume=True, retry_failed=True).results.df
    assert df["id"].is_unique
    assert len(df) == 2 * df["a"].nunique()


def test_domains_of_updates_keep_their_draws_as_well():
    def study():
        new = Domain(a=Dice(), b=[1, 2])
        return research(Domain(a=[1])).update_domain(lambda: new, "%0")

    before = values(study(), dump_results=True)
    assert len(before) == 3
    assert values(study(), dump_results=True, resume=True) == before


@pytest.mark.parametrize("where", [False, True])
def test_grids_of_more_points_than_a_machine_counts_are_planned_and_run(where):
    grid = Domain({f"p{number}": [0, 1] for number in range(70)}) * Domain(a=[7])
    domain = grid.where(lambda config: config["p69"] == 1) if where else grid
    study = research(domain, n_configs=3)
    assert values(study) == [7, 7, 7]
    assert study.plan().configs == 3
    if not where:
        assert "1,180,591,620,717,411,303,424" in str(research(domain).plan())
        assert research(domain, n_configs=2**80, n_reps=2**70).plan(branches=2).tasks == 2**149


@pytest.mark.parametrize("option", ["workers", "branches"])
def test_more_workers_or_branches_than_anybody_has_are_refused(option):
    with pytest.raises(OptionError, match=f"{option}.* at most"):
        research(Domain(a=[1])).plan(**{option: 2**70})


@pytest.mark.parametrize("key", ["repetition", "updates"])
@pytest.mark.parametrize("additional", [True, False])
def test_parameters_called_like_keys_of_a_research_are_refused(key, additional):
    domain = Domain({key: [1], "a": [1]}).set_iter_params(additional=additional)
    with pytest.raises(ParameterError, match=f"'{key}'"):
        research(domain).run(parallel=False, bar=False)
    assert not Path("study").exists()
    with pytest.raises(ParameterError, match=f"'{key}'"):
        values(research(Domain(a=[1])).update_domain(lambda: domain, "%0"))
