"""Failures are grouped by what they share, and told from the rest by the parameters that only they have."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research_domain import FailedExperiment, group_failures


def failure(name, type="RuntimeError", message="boom", unit="train", iteration=5, cause="exception"):
    traceback = f"Traceback (most recent call last):\n{type}: {message}\n"
    return FailedExperiment(name, cause, type, message, unit, iteration, traceback)


def grid(**options):
    """Return configs of a full grid, named by their values."""
    return {
        "-".join(values): dict(zip(options, values, strict=True))
        for values in itertools.product(*options.values())
    }


CONFIGS = grid(width=["8", "16", "32"], lr=[".1", ".2"], repetition=["0", "1", "2", "3"])


def those(**having):
    return [name for name, config in CONFIGS.items() if all(config[key] in having[key] for key in having)]


def test_one_group_says_how_many_what_where_when_and_with_which_parameter():
    report = group_failures([failure(name) for name in those(width=["16"])], CONFIGS)
    assert (
        report.headline == "8 of 24 failed: RuntimeError: boom, in 'train' at iteration 5; all with width=16"
    )
    assert (report.failed, report.total) == (8, 24)
    assert str(report).count("Traceback") == 1
    assert "experiments 16-.1-0, 16-.1-1, 16-.1-2 and 5 more" in str(report)


@pytest.mark.parametrize(
    ("having", "parameters"),
    [
        ({"width": ["8", "16"]}, {"width": ("8", "16")}),
        ({"width": ["16"], "lr": [".1"]}, {"width": ("16",), "lr": (".1",)}),
        ({"width": ["8", "16", "32"]}, {}),
    ],
)
def test_parameters_tell_a_group_alone_together_or_not_at_all(having, parameters):
    (group,) = group_failures([failure(name) for name in those(**having)], CONFIGS).groups
    assert group.parameters == parameters


def test_what_others_have_as_well_is_not_said():
    (group,) = group_failures([failure(name) for name in those(width=["16"])[:-1]], CONFIGS).groups
    assert group.parameters == {}
    assert group.which == ""


def test_values_that_nobody_shares_say_nothing_about_many():
    configs = {str(number): {"lr": f"0.{number}"} for number in range(20)}
    (group,) = group_failures([failure(str(number)) for number in range(3)], configs).groups
    assert group.parameters == {}
    (alone,) = group_failures([failure("7")], configs).groups
    assert alone.which == "with lr=0.7"


def test_parameters_that_some_lack_are_no_trap():
    configs = {
        "a": {"model": "sgd"},
        "b": {"model": "mlp", "units": "8"},
        "c": {"model": "mlp", "units": "16"},
    }
    (group,) = group_failures([failure("a")], configs).groups
    assert group.parameters == {"model": ("sgd",)}
    (group,) = group_failures([failure("c")], configs).groups
    assert group.parameters == {"units": ("16",)}


def test_errors_units_and_iterations_make_groups_the_largest_first():
    failures = [failure(name, iteration=number % 2) for number, name in enumerate(those(width=["8"]))]
    failures += [failure(name, "ValueError", unit="load") for name in those(width=["16"])[:3]]
    report = group_failures(failures, CONFIGS)
    assert [(len(group.ids), group.where) for group in report.groups] == [
        (4, "in 'train' at iteration 0"),
        (4, "in 'train' at iteration 1"),
        (3, "in 'load' at iteration 5"),
    ]
    assert str(report).count("Traceback") == 3


def test_many_iterations_or_messages_of_one_error_are_one_group():
    names = those(width=["16"])
    report = group_failures([failure(name, iteration=at) for at, name in enumerate(names)], CONFIGS)
    assert report.groups[0].where == "in 'train' at iterations 0 to 7"
    report = group_failures([failure(name, message=name, iteration=None) for name in names], CONFIGS)
    assert [str(group) for group in report.groups] == [
        "RuntimeError: 16-.1-0 (and 7 other messages), in 'train'; all with width=16"
    ]


def test_a_report_of_many_groups_shows_some_and_counts_the_rest():
    names = list(CONFIGS)
    report = group_failures([failure(name, type=f"Error{name}") for name in names[:8]], CONFIGS)
    assert str(report).endswith("3 of 24 failed in 3 other ways")
    assert len(report.brief.split("\n")) == 6 and "Traceback" not in report.brief
    assert str(group_failures([], CONFIGS)) == "none of 24 failed"


def test_long_messages_of_many_lines_stay_one_short_line():
    (group,) = group_failures([failure("8-.1-0", message="a" * 999 + "\nsecond line")], CONFIGS).groups
    assert len(group.error) < 230 and "\n" not in group.error


def test_frames_that_run_a_unit_are_left_out():
    lines = [
        "Traceback (most recent call last):",
        '  File "/site/research_experiment/execution/_branch.py", line 209, in _run',
        "    step.action()",
        "    ^^^^^^^^^^^^^",
        '  File "/home/me/study.py", line 6, in train',
        "    raise RuntimeError('boom')",
        "RuntimeError: boom",
    ]
    failed = failure("8-.1-0")._replace(traceback="\n".join([*lines, ""]))
    (group,) = group_failures([failed], CONFIGS).groups
    assert group.traceback.split("\n") == [lines[0], *lines[4:]]


values = st.sampled_from(["x", "y", "z"])


@given(st.lists(st.tuples(st.dictionaries(st.sampled_from("abc"), values), st.booleans()), min_size=1))
def test_what_is_said_of_a_group_holds_for_all_of_it_and_for_no_other(given):
    configs = {str(number): config for number, (config, _) in enumerate(given)}
    failing = [str(number) for number, (_, fails) in enumerate(given) if fails]
    for group in group_failures([failure(name) for name in failing], configs).groups:
        has = [
            all(config.get(name) in options for name, options in group.parameters.items())
            for config in configs.values()
        ]
        if group.parameters:
            assert [name for name, holds in zip(configs, has, strict=True) if holds] == list(group.ids)


def test_messages_that_differ_in_numbers_alone_are_one_group():
    names = those(width=["16"], repetition=["0"])
    failures = [
        failure(name, message=f"loss {place - 1}.5e+3 is too large") for place, name in enumerate(names)
    ]
    (group,) = group_failures(failures, CONFIGS).groups
    assert str(group) == (
        "RuntimeError: loss -1.5e+3 is too large (and 1 other message), in 'train' at iteration 5; "
        "all with width=16, repetition=0"
    )
    failures[0] = failures[0]._replace(message="loss is too large")
    assert len(group_failures(failures, CONFIGS).groups) == 2


def test_a_report_that_is_looked_at_is_short_in_python_and_a_text_in_a_notebook():
    report = group_failures([failure(name, message="<boom>") for name in those(width=["16"])], CONFIGS)
    assert repr(report) == f"<FailureReport: {report.headline}>"
    assert report._repr_html_().startswith("<pre>8 of 24 failed: RuntimeError: &lt;boom&gt;, in &#x27;train")
