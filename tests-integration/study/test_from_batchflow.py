"""The table for those who come from batchflow says of each name what is true."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import research_stack

PAGE = (Path(__file__).parents[2] / "docs" / "from-batchflow.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)(?:\.(\w+))?` \| ([^|]*) \|", PAGE, flags=re.MULTILINE)

KNOWN = {
    "Research": "update_domain attach_env_meta attach_git_meta get_devices run results profiler terminate "
    "is_finished load remove",
    "Domain": "create_aliases set_iter_params set_update update size len reset_iter create_iter iterator "
    "option_items option_sample option_iterator",
    "Alias": "",
    "ConfigAlias": "alias config pop_config pop_alias set_prefix keys",
    "Experiment": "add_executable_unit add_callable add_generator add_instance add_pipeline add_namespace "
    "get_method save dump add_postfix only_callables copy init pop_index_keys create_stream",
    "ResearchResults": "put load load_configs load_results load_artifacts filter results configs artifacts "
    "df to_df load_iteration_files configs_to_df artifacts_to_df filter_ids_by_configs close_manager",
    "E": "get",
    "EC": "remove_keys",
    "O": "",
    "EP": "",
    "R": "get",
    "S": "",
}
"""What the API of `batchflow.research` lists."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: ".".join(filter(None, row[:2])))
def test_row_says_what_is_there(row):
    owner, name, says = row
    there = getattr(research_stack, owner)
    if not name or name == "get":
        assert says.startswith("the same")
        return
    assert says.startswith("the same" if hasattr(there, name) else "removed, because")


@pytest.mark.parametrize("owner", KNOWN)
def test_every_name_has_a_row(owner):
    rows = {(row[0], row[1]) for row in ROWS}
    assert {(owner, ""), *((owner, name) for name in KNOWN[owner].split())} <= rows


def test_every_parameter_of_run_that_users_know_is_there():
    (names,) = re.findall(
        r"All parameters of `run` have kept their names: (.*?)\. More", PAGE, flags=re.DOTALL
    )
    parameters = set(inspect.signature(research_stack.Research.run).parameters)
    assert set(re.findall(r"`(\w+)`", names)) <= parameters
