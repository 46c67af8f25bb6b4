"""Any value may be a parameter: it arrives, has an id of its own, and a resume knows it again."""

import warnings

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results_strategies import same, values

from research_domain import Identifier
from research_results import ResearchResults
from research_stack import EC, ConfigAlias, Domain, Research

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
several = st.lists(values, min_size=1, max_size=3)


def ids_of(given_values):
    """Return the ids of configs with these values, one after another."""
    identifier = Identifier()
    with warnings.catch_warnings(action="ignore"):  # of objects that nothing but their text tells apart
        return [identifier.identify(ConfigAlias({"p": value})).id for value in given_values]


def run(folder, given_values, seen, **options):
    research = Research(str(folder), Domain(p=given_values))
    research.add_callable("unit", lambda value: seen.append(value) or value, [EC("p")], save_to="x")
    with warnings.catch_warnings(action="ignore"):
        return research.run(bar=False, parallel=False, **options).results


@given(several, several)
@calm
def test_a_resume_runs_what_is_new_and_nothing_else(tmp_path_factory, first, more):
    folder, seen = tmp_path_factory.mktemp("study") / "study", []
    run(folder, first, seen)
    assert len(seen) == len(first) and all(map(same, seen, first))
    seen.clear()
    results = run(folder, [*first, *more], seen, resume=True)
    assert len(seen) == len(more) and all(map(same, seen, more))
    assert len(results.df) == len(first) + len(more)
    loaded = ResearchResults(folder, allow_pickle=True)
    given_values = [*first, *more]
    assert list(loaded.load_results()) == loaded.configs_to_df()["id"].tolist()
    for value, config, found in zip(
        given_values, loaded.load_configs().values(), loaded.load_results().values(), strict=True
    ):
        assert same(found["x"][0], value) and same(config.config()["p"], value)


@given(several)
@calm
def test_an_id_is_that_of_the_value_and_of_its_copy_in_the_store(tmp_path_factory, given_values):
    folder = tmp_path_factory.mktemp("study") / "study"
    run(folder, given_values, [])
    loaded = ResearchResults(folder, allow_pickle=True).load_configs()
    copies = [config.config()["p"] for config in loaded.values()]
    assert ids_of(copies) == ids_of(given_values)
