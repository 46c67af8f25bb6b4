"""Where tasks run.

``protocol``   Backend: what an engine has to do
``inline``     in this process, one task after another
``processes``  in supervised worker processes
"""

from research_runner.backends.inline import InlineBackend
from research_runner.backends.processes import ProcessBackend
from research_runner.backends.protocol import Backend

__all__ = ["Backend", "InlineBackend", "ProcessBackend"]
