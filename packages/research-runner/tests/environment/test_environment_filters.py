"""Filters of warnings travel to workers without the libraries whose categories they name."""

import sys
import warnings

import pytest

from research_runner.pool import wire
from research_runner.worker.script.filters import dump_filters, put_filters


@pytest.fixture
def library(tmp_path, monkeypatch):
    (tmp_path / "library_that_warns.py").write_text(
        "class Ours(UserWarning): pass\nclass Deeper(Ours): pass\nclass Other(UserWarning): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import library_that_warns

    yield library_that_warns
    sys.modules.pop("library_that_warns", None)


def test_a_category_of_a_library_counts_before_and_after_its_import(library):
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        warnings.simplefilter("ignore", library.Ours)
        data = dump_filters()
        assert wire.load_code(data)[0][2] is library.Ours

        del sys.modules["library_that_warns"]
        put_filters(wire.load_code(data))
        assert "library_that_warns" not in sys.modules
        import library_that_warns as again

        for category in (again.Ours, again.Deeper, again.Other, UserWarning):
            warnings.warn("text", category, stacklevel=1)
    assert [each.category for each in caught] == [again.Other, UserWarning]
