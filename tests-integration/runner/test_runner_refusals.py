"""What would be ignored, or would come to nothing, is refused or warned about by name."""

from pathlib import Path

import pytest

from research_domain import WhenError
from research_experiment import PlanError
from research_runner import OptionError, ResearchWarning
from research_stack import EC, EP, Domain, E, Experiment, O, R, Research, S

HERE = {"parallel": False, "bar": False, "dump_results": False}


def study(**options):
    return Research("study", Domain(x=[1, 2])).add_callable("double", lambda x: 2 * x, x=EC("x"), **options)


def test_two_ways_to_save_one_output_are_refused():
    with pytest.raises(PlanError, match=r"'double' is given a name to save under, 'y', and save_output_dict"):
        study(save_to="y", save_output_dict=True)
    with pytest.raises(PlanError, match=r"'save y' is given a name to save under, 'y'"):
        study().save(O("double"), "y", save_output_dict=True)


@pytest.mark.parametrize("nothing", [[], (), set()])
def test_a_time_that_never_comes_is_refused(nothing):
    with pytest.raises(PlanError, match=r"when of unit 'double'.*has no members"):
        study(when=nothing)
    with pytest.raises(PlanError, match=r"dump of unit 'double'.*has no members"):
        study(save_to="y", dump=nothing)
    with pytest.raises(WhenError, match="has no members"):
        study(save_to="y").update_domain(lambda: None, when=nothing)


def test_showing_what_nobody_saves_is_refused():
    research = study(save_to="error")
    with pytest.raises(
        OptionError, match=r"show: no unit saves a variable 'eror' \(did you mean 'error'\?\)"
    ):
        research.run(show="eror")
    assert not Path("study").exists()
    research.run(show="error", **HERE)


@pytest.mark.parametrize(
    "unit",
    [
        {"save_output_dict": True},
        {"where": S()},
        {"where": E()},
    ],
    ids=["dict", "S", "E"],
)
def test_what_is_shown_may_be_saved_under_a_name_that_only_the_run_knows(unit):
    research = Research("study").add_callable("any", lambda where=None: {"y": 1}, **unit)
    if "where" in unit:  # it could have saved anything, and has saved nothing
        with pytest.warns(ResearchWarning, match=r"show='y': no experiment has saved it; .* are: none"):
            research.run(show="y", **HERE)
    else:
        research.run(show="y", **HERE)


def test_a_research_without_units_is_not_run():
    research = Research("empty", Domain(x=[1, 2])).add_instance("things", list)
    with pytest.raises(OptionError, match=r"research 'empty' has no units.*add_callable"):
        research.run()
    assert not Path("empty").exists()
    assert research.plan().experiments == 2


@pytest.mark.parametrize("detach", [False, True])
def test_a_research_that_leaves_nothing_is_warned_about(detach):
    with pytest.warns(
        ResearchWarning, match=r"no unit of research 'study' saves anything \('double'\)"
    ) as warned:
        study().run(bar=False, detach=detach)
    assert warned[0].filename == __file__


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "experiment",
    [
        Experiment().add_callable("f", lambda: 1, save_to="y"),
        Experiment().add_callable("f", lambda: {"y": 1}, save_output_dict=True),
        Experiment().add_callable("f", lambda: 1).save(O("f"), "y"),
        Experiment().add_callable("f", lambda: 1).dump(),
        Experiment().add_callable("f", lambda where: None, where=EP()),
        Experiment().add_callable("f", lambda where: None, where=[E()]),
        Experiment().add_callable("f", lambda where: None, kwargs={"where": S()}),
        Experiment().add_instance("i", lambda where: [], where=EP()).add_callable("i.sort"),
    ],
)
def test_a_research_that_leaves_anything_is_not_warned_about(experiment):
    Research("study", experiment=experiment).run(**HERE)


def test_reading_the_results_alone_leaves_nothing():
    with pytest.warns(ResearchWarning, match="saves anything"):
        Research("study").add_callable("look", lambda results: None, results=R()).run(**HERE)


def test_a_plan_changes_nothing():
    research = study(save_to="y")
    research.plan(name="other", workers=3)
    assert research.name == "study"
    assert not hasattr(research, "results")
