"""Skip everything here where the pipeline framework is not installed."""

from __future__ import annotations

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("batchflow") else ["test_*.py"]
