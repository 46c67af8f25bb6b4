"""Tasks on a Dask cluster: an agent is a Dask task; bytes go both ways through queues of the scheduler.

``backend``     `DaskBackend`, what is given to ``run(backend=...)``
``transport``   the coordinator's end, with a client of its own
``sending``     what it sends, in the thread of that client
``agent_task``  the agent's end: the Dask task
``package``     Dask itself, and how its connections end
"""

from research_runner.backends.cluster.dask.backend import DaskBackend

__all__ = ["DaskBackend"]
