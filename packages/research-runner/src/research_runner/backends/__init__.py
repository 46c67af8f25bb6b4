"""Backends: where tasks run.

``protocol``   what a backend has to do, and what it is told
``registry``   backends by name, from the entry points ``research.backends``, ours included
``inline``     in this process, one task after another
``processes``  in supervised worker processes
``cluster``    on Dask and Ray: an agent in each place, which has worker processes of its own
``dask``, ``ray``  what users import of these
"""

from research_runner.backends.protocol import Backend, BackendFactory, Capabilities, RunEnvironment

__all__ = ["Backend", "BackendFactory", "Capabilities", "RunEnvironment"]
