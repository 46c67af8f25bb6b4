"""What workers take over from the script beside its units: its filters of warnings and its logging.

Layout: ``surroundings`` takes everything in the process of the script, and puts it in force in a worker when
the plan arrives; ``filters`` are those of warnings, ``loggers`` is the state of `logging`, and ``handlers``
its handlers that write to standard streams.
"""

from research_runner.worker.script.handlers import routed_handlers
from research_runner.worker.script.surroundings import (
    Arrival,
    ScriptSurroundings,
    is_of_script,
    settle,
    take_surroundings,
)

__all__ = ["Arrival", "ScriptSurroundings", "is_of_script", "routed_handlers", "settle", "take_surroundings"]
