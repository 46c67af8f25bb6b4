"""What the committed folders of each format hold; never change an entry, add new ones."""

import datetime
from collections import Counter

import numpy as np
import pandas as pd

from research_domain import Alias, ConfigAlias

TEXTS = pd.Series(["x", None], index=[3, 4], dtype=object)  # the same in every version of pandas
FRAME = pd.DataFrame({"a": [1, 2], "b": TEXTS}, index=pd.Index([3, 4], name="i"))
META = {"entropy": 2**100, "options": {"workers": 2}}
CONFIGS = {
    "8c2f8eb1-0": ConfigAlias([(Alias("learning_rate", "lr"), 0.1), ("layers", Alias([64, 10], "small"))]),
    "8c2f8eb1-1": ConfigAlias([(Alias("learning_rate", "lr"), 0.1), ("counter", Counter("aab"))]),
    "../odd\n🙂": ConfigAlias({"n": 2**70, "flag": True, "none": None, "repetition": 3}),
}
VALUES = {
    "8c2f8eb1-0": {
        "loss": {0: 0.5, 1: float("nan"), 2: float("-inf"), 3: -0.0, 10: 1e-300},
        "count": {0: 1, 1: -(2**63), 2: 2**63, 3: 10**40},
        "flag": {0: True, 5: False},
        "half": {0: np.float16(0.1), 1: np.float32(0.1), 2: np.float64(0.1), 3: np.int8(-3)},
        "complex": {0: 1 - 2j},
    },
    "8c2f8eb1-1": {
        "text": {0: "", 1: "é\0🙂", 2: None, 3: b"\0\xff"},
        "nested": {0: {"a": [1, (2.5, None)], "@": {3: {"x"}}, "empty": ()}},
        "array": {0: np.arange(6, dtype=">i2").reshape(2, 3), 1: np.zeros((0, 2)), 2: np.array(1.5)},
        "large": {0: np.zeros(9000)},
        "time": {
            0: datetime.datetime(2020, 2, 29, 12, tzinfo=datetime.UTC),
            1: np.datetime64("2020-01-01", "ns"),
        },
        "frame": {0: FRAME},
    },
    "../odd\n🙂": {"opaque": {0: Counter("aab")}},
}
