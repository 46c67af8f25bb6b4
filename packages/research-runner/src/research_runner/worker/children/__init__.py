"""Processes that units start: they find the functions of the script, and the surroundings of the worker.

A pool that spawns starts fresh interpreters, which would run the script again, or find nothing where code has
come by value. `multiprocessing` and its relatives tell such a process the name of the main module; here that
name is an object which, when it is unpickled in the process, prepares it before anything else arrives.

Layout: ``telling`` is the side of the process that spawns, ``prepare`` the script that the new one runs
first, ``arriving`` what it does then.
"""

from research_runner.worker.children.telling import told_children

__all__ = ["told_children"]
