"""The command ``research``, as a module of this package: see `research_command`."""

from __future__ import annotations

import sys

from research_command import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
