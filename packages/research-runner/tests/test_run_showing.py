"""A research shows itself."""

import pytest

from research_domain import Domain
from research_experiment import EC, O
from research_runner import Research

pytestmark = pytest.mark.usefixtures("plain")


def study():
    return (
        Research("study", Domain(x=[1, 0], y=["<b>"]), n_reps=2)
        .add_instance("model", dict)
        .add_callable("load", lambda: 1, root=True)
        .add_callable("invert", lambda x, one: one / x, x=EC("x"), one=O("load"), save_to="y")
    )


def test_a_research_says_what_it_is_and_how_far_it_has_come():
    research = study()
    assert str(research).splitlines() == [
        "Research 'study'",
        "  parameters  x, y",
        "  configs     2, 2 times each",
        "  instances   model",
        "  units       load (root), invert",
        "  state       not run yet",
    ]
    research.run(dump_results=False, bar=False)
    assert str(research).splitlines()[-1] == "  state       2 done, 2 failed; results are in memory"


def test_a_notebook_gets_a_table_with_nothing_of_the_user_in_it_unescaped():
    html = Research("<script>", Domain({"<i>": [1]}))._repr_html_()
    assert html.startswith("<table>")
    assert "<script>" not in html
    assert "<i>" not in html
    assert "&lt;i&gt;" in html


def test_what_is_running_says_so():
    texts = []
    research = Research().add_callable("look", lambda: texts.append(str(research)))
    research.run(dump_results=False, bar=False, parallel=False)
    assert "running: 0 done, 0 failed, " in texts[0]
    assert "1 left; results are in memory" in texts[0]


def test_a_domain_without_an_end_is_no_problem():
    from research_domain import NumpySampler

    assert "without an end" in str(Research(domain=Domain(x=NumpySampler("normal"))))


def test_a_copy_is_independent_and_has_not_been_run():
    research = study()
    research.run(dump_results=False, bar=False)
    twin = research.copy()
    twin.add_callable("more", lambda: 1)
    assert "not run yet" in str(twin)
    assert "2, 2 times each" in str(twin)
    assert "more" not in str(research)


@pytest.mark.parametrize("options", [{}, {"parallel": False}], ids=str)
def test_a_value_that_has_no_text_is_saved_all_the_same(options):
    class Silent:
        def __format__(self, form):
            raise RuntimeError

        __str__ = __repr__ = __format__

    def make(x):
        return 10**400 if x == 0 else 10**5000 if x == 1 else Silent()

    research = Research("values", Domain(x=[0, 1, 2])).add_callable("make", make, x=EC("x"), save_to="y")
    research.run(dump_results=False, bar=False, show="y", **options)
    assert (research.monitor.finished_experiments, research.monitor.failed_experiments) == (3, 0)
