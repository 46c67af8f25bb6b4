"""The command ``research``: inspects folders of results, and resumes, curates and removes researches.

``main`` imports nothing of the other packages before a subcommand needs it: ``research --version`` is quick.
The other modules are internal.
"""

from research_command.main import main

__all__ = ["main"]
