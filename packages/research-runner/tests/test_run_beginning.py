"""The beginning of a run: what workers are started from begins before the parameters are read."""

import sys

import pytest

from research_domain import Domain
from research_experiment import EC
from research_runner import OptionError, Research, shutdown
from research_runner.pool import kept
from research_runner.settings import reading


@pytest.fixture
def begun(monkeypatch):
    """List the supervisors that were started; none is kept from before, nor afterwards."""
    shutdown()
    links, link_class = [], kept.SupervisorLink

    def link(*given):
        links.append(link_class(*given))
        return links[-1]

    monkeypatch.setattr(kept, "SupervisorLink", link)
    yield links
    shutdown()


def study():
    research = Research(domain=Domain(x=[1, 2]))
    return research.add_callable("double", lambda x: 2 * x, x=EC("x"), save_to="y")


def test_it_is_there_when_parameters_are_read_and_used_with_all_of_them(begun, monkeypatch):
    there = []
    make_settings = reading.make_settings

    def watched(*given):
        there.append(len(begun))
        return make_settings(*given)

    monkeypatch.setattr(reading, "make_settings", watched)
    for options in ({}, {"workers": [{"a": 1}, {"a": 2}], "threads": 2, "start_method": "forkserver"}):
        before = len(begun)
        study().run(dump_results=False, bar=False, **options)
        assert there.pop() == len(begun) == before + 1
        shutdown()


@pytest.mark.parametrize("options", [{"parallel": False}, {"start_method": "fork"}])
def test_it_does_not_begin_for_a_run_without_it(begun, options):
    study().run(dump_results=False, bar=False, **options)
    assert all(link.surroundings == {} for link in begun)


def test_it_is_kept_for_the_next_run_where_a_parameter_was_refused(begun):
    with pytest.raises(OptionError, match="max_attempts"):
        study().run(dump_results=False, bar=False, max_attempts=0)
    with pytest.raises(OptionError, match="workers"):
        study().run(dump_results=False, bar=False, workers=0)
    study().run(dump_results=False, bar=False)
    assert len(begun) == 1


@pytest.mark.parametrize("is_seen", [True, False])
def test_workers_share_numpy_if_it_is_seen_where_units_are_defined_and_begin_without_it_if_not(
    begun, tmp_path, monkeypatch, is_seen
):
    (tmp_path / "module_of_units.py").write_text(
        "import sys\ndef look(expected):\n    assert ('numpy' in sys.modules) is expected\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import module_of_units

    if is_seen:
        module_of_units.np = pytest.importorskip("numpy")
    research = Research().add_callable("look", module_of_units.look, expected=is_seen)
    try:
        research.run(dump_results=False, bar=False, raise_on_failure=True)
    finally:
        del sys.modules["module_of_units"]
