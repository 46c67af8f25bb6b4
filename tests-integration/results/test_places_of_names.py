"""What is asked of a research in the wrong place is said to be where it is."""

from __future__ import annotations

from research_results import ResearchResults
from research_runner import Research
from research_runner.running.attributes import OF_RESULTS


def test_every_name_of_the_results_is_known_to_a_research():
    public = {name for name in dir(ResearchResults) if not name.startswith("_")}
    of_both = {name for name in public if hasattr(Research, name)}
    elsewhere = {
        "allow_pickle",
        "close_manager",
        "load_iteration_files",
        "meta",
        "of",
        "path",
        "put",
        "revision",
    }
    new = public - of_both - OF_RESULTS - elsewhere
    assert not new, f"research_runner.running.attributes.OF_RESULTS does not know {sorted(new)}"
