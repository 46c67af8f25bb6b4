"""Backends: where tasks run.

``protocol``   the methods of a backend, and what it is given
``registry``   backends by name, from the entry points ``research.backends``, ours included
``inline``     in this process, one task after another
``processes``  in supervised worker processes
``cluster``    on Dask and Ray: an agent on each worker of the engine, with its own worker process
``dask``, ``ray``  what users import of these
"""

from research_runner.backends.protocol import Backend, BackendFactory, Capabilities, RunEnvironment

__all__ = ["Backend", "BackendFactory", "Capabilities", "RunEnvironment"]
