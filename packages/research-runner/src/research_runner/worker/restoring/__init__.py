"""What is as it was for the next task: the state of the process, and its memory.

Layout: ``state`` puts back what units have changed, ``parts`` and ``library_parts`` are the list of what that
is, ``imports`` keeps what an import changes, ``memory`` collects garbage when the process has grown.
"""

from research_runner.worker.restoring.library_parts import in_own_context
from research_runner.worker.restoring.memory import GarbageCollector
from research_runner.worker.restoring.state import ProcessState

__all__ = ["GarbageCollector", "ProcessState", "in_own_context"]
