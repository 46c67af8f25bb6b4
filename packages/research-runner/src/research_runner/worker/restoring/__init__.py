"""Restoring the process between tasks: the state that units have changed, and its memory.

``parts``, ``library_parts``  what is restored: of the operating system; of Python and libraries
``state``                     looks at all parts and restores those that differ
``imports``                   keeps what an import changes
``logs``                      the state of `logging`
``memory``                    collects garbage when the process has grown
"""

from research_runner.worker.restoring.library_parts import in_own_context
from research_runner.worker.restoring.memory import GarbageCollector
from research_runner.worker.restoring.state import ProcessState

__all__ = ["GarbageCollector", "ProcessState", "in_own_context"]
