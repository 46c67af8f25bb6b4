"""The surroundings of the user's script that workers adopt: filters of warnings, logging, arithmetic."""

from research_runner.worker.script.handlers import routed_handlers
from research_runner.worker.script.surroundings import (
    Arrival,
    ScriptSurroundings,
    is_of_script,
    settle,
    take_surroundings,
)

__all__ = ["Arrival", "ScriptSurroundings", "is_of_script", "routed_handlers", "settle", "take_surroundings"]
