"""Everything that the author of a backend needs.

``BackendFactory``
    what ``run(backend=...)`` takes: `Capabilities`, and `make`, which gets a `RunEnvironment`
``Backend``
    what `make` returns: carries out the commands of the coordinator
``install_encoded``
    lets a process have the user's modules, before it loads the plan
``RemoteBackend``
    all of it for a cluster engine, over a `ClusterTransport`, whose `receive` returns `Arrived` and `Gone`
``Agent``
    what the engine runs on its workers, over an `AgentTransport`, which may raise `TransportLostError`
``EngineLostError``
    raised when the engine is gone; ``EngineUnreachableError`` when it was never there
``require``, ``refuse_address``
    for the callable that an entry point names
"""

from research_runner.backends.cluster.agent import Agent
from research_runner.backends.cluster.remote import RemoteBackend
from research_runner.backends.cluster.transport import (
    AgentTransport,
    Arrived,
    ClusterTransport,
    Gone,
    TransportEvent,
    TransportLostError,
)
from research_runner.backends.protocol import Backend, BackendFactory, Capabilities, RunEnvironment
from research_runner.backends.registry import refuse_address, require
from research_runner.code.importing import install_encoded
from research_runner.errors import EngineLostError, EngineUnreachableError

__all__ = [
    "Agent",
    "AgentTransport",
    "Arrived",
    "Backend",
    "BackendFactory",
    "Capabilities",
    "ClusterTransport",
    "EngineLostError",
    "EngineUnreachableError",
    "Gone",
    "RemoteBackend",
    "RunEnvironment",
    "TransportEvent",
    "TransportLostError",
    "install_encoded",
    "refuse_address",
    "require",
]
