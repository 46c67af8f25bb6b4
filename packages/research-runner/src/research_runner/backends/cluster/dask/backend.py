"""What is given to ``run(backend=...)``: where the cluster is, and what workers occupy of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from research_runner.backends.cluster.dask.package import GPU, distributed_package, tells_more_than_an_end
from research_runner.backends.cluster.dask.transport import DaskTransport
from research_runner.backends.cluster.remote import RemoteBackend
from research_runner.backends.protocol import Backend, Capabilities, RunEnvironment
from research_runner.backends.registry import require
from research_runner.errors import EngineUnreachableError
from research_runner.scheduling.setup import WorkerSetup
from research_runner.worker.plan import WorkerPlan


@dataclass(frozen=True)
class DaskBackend:
    """Run experiments on a Dask cluster.

    Parameters
    ----------
    cluster : None, str, Client or Cluster
        The address of a scheduler, or something that is connected to one, or has one. None makes a cluster
        inside this process, of as many workers as the run has, which ends with the run.
    resources : mapping of str to float
        What each worker of the run occupies of the resources that Dask workers were started with, such as
        ``{'GPU': 1}`` for ``dask worker --resources GPU=1``, which is what ``run(devices=...)`` asks for; it
        gets as many of the devices in ``CUDA_VISIBLE_DEVICES`` of the Dask worker.
    shares_files : bool or None
        Whether Dask workers see the folder of the research; None: each of them finds out.

    Raises
    ------
    MissingPackageError
        If Dask is not installed.

    Notes
    -----
    Credentials of a client are used, but not kept with the settings of the research: put what is needed to
    connect again into Dask's configuration.
    """

    cluster: Any = None
    resources: Mapping[str, float] = field(default_factory=dict)
    shares_files: bool | None = None
    security: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        require("distributed", "backend='dask'", "dask")
        scheduler = getattr(self.cluster, "scheduler", None)
        address = getattr(self.cluster, "scheduler_address", None) or getattr(scheduler, "address", None)
        if address is not None:
            object.__setattr__(self, "security", getattr(self.cluster, "security", None))
            object.__setattr__(self, "cluster", str(address))

    def __reduce__(self) -> tuple[type[DaskBackend], tuple[Any, ...]]:
        return type(self), (self.cluster, dict(self.resources), self.shares_files)

    @property
    def capabilities(self) -> Capabilities:
        """What the backend declares about itself."""
        return Capabilities(self.resources.get(GPU, 0), self.shares_files)

    def make(self, plan: WorkerPlan, environment: RunEnvironment) -> Backend:
        """Connect, and check that the plan can travel."""
        needs = [self._needs(setup) for setup in plan.setups]
        transport = DaskTransport(*self._connect(needs), needs)
        try:
            return RemoteBackend(plan, environment, transport, self.capabilities)
        except BaseException:
            transport.close()
            raise

    def _needs(self, setup: WorkerSetup) -> Mapping[str, float]:
        return {**self.resources, GPU: setup.gpus} if setup.gpus else self.resources

    def _connect(self, needs: Sequence[Mapping[str, float]]) -> tuple[Any, Any]:
        """Return a client of our own, and the cluster that has to be closed after it, if there is one."""
        distributed = distributed_package()
        logging.getLogger("distributed.batched").addFilter(tells_more_than_an_end)
        cluster: Any = None
        if self.cluster is None:
            cluster = distributed.LocalCluster(
                n_workers=len(needs),
                threads_per_worker=1,
                processes=False,
                protocol="inproc://",
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=logging.ERROR,
                resources={name: max(each.get(name, 0) for each in needs) for name in set().union(*needs)},
            )
        address = self.cluster or cluster.scheduler_address
        try:
            client = distributed.Client(
                address, security=self.security, set_as_default=False, name="research"
            )
        except (OSError, ValueError, TypeError) as error:
            raise EngineUnreachableError(f"the Dask scheduler at {address}", str(error)) from error
        return client, cluster
