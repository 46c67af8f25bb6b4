"""Backends: where tasks run.

``protocol``   what a backend has to do, and what it is told
``registry``   backends by name, from entry points
``inline``     in this process, one task after another
``processes``  in supervised worker processes
"""

from research_runner.backends.inline import InlineBackend
from research_runner.backends.processes import ProcessBackend
from research_runner.backends.protocol import Backend

__all__ = ["Backend", "InlineBackend", "ProcessBackend"]
