"""The study of handwritten digits gives the same table on Ray."""

import pandas as pd


def test_digits_are_the_same_on_ray(make_digits, ray_connected):
    here, there = (
        make_digits(backend).run(workers=2, seed=42, bar=False, backend=backend).results.df
        for backend in ("inline", "ray")
    )
    pd.testing.assert_frame_equal(there, here, check_exact=True)
