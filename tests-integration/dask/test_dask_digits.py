"""The study of handwritten digits gives the same table everywhere."""

import pandas as pd


def test_digits_are_the_same_inline_in_processes_and_on_dask(make_digits, dask_processes):
    backends = ["inline", "processes", f"dask://{dask_processes.address}"]
    tables = [
        make_digits(f"digits-{number}").run(workers=2, seed=42, bar=False, backend=backend).results.df
        for number, backend in enumerate(backends)
    ]
    assert tables[0]["score"].notna().sum() == 4 * 12 + 4
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], check_exact=True)
