"""Where tasks run.

``protocol``   Backend: what an engine has to do
``registry``   finding one by its name
``inline``     in this process, one task after another
``processes``  in supervised worker processes
``remote``     on an engine; ``dask`` and ``ray`` are two of them
``agent``    what lives in the engine's workers
``crossing``   what crosses between the two
``artifacts``  files of experiments between hosts
"""

from research_runner.backends.inline import InlineBackend
from research_runner.backends.processes import ProcessBackend
from research_runner.backends.protocol import Backend

__all__ = ["Backend", "InlineBackend", "ProcessBackend"]
