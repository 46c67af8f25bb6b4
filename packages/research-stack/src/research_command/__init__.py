"""The command ``research``: look at folders of results, answer questions, go on with them, remove them.

``main`` imports nothing of the other packages before a subcommand needs it: ``research --version`` is quick.
The other modules are internal.
"""

from research_command.main import main

__all__ = ["main"]
