"""A writer that is killed loses nothing that it acknowledged."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("crash_driver.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked writers")
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_killed_writer_loses_nothing_acknowledged(tmp_path, seed):
    ended = subprocess.run(
        [sys.executable, str(DRIVER), str(tmp_path / "research"), str(seed), "30"],
        capture_output=True,
        text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    print(ended.stdout, ended.stderr)
    assert ended.returncode == 0, f"seed {seed}: {ended.stderr}"
    assert f"seed {seed}: 30 kills" in ended.stdout and " 0 commits" not in ended.stdout
