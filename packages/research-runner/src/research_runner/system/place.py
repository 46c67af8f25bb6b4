"""Where a worker runs: its host, and the devices that it has."""

from __future__ import annotations

import socket
from typing import NamedTuple, Self


class Place(NamedTuple):
    """The host of a worker and its devices.

    Examples
    --------
    >>> print(Place("node7", "0"))
    host node7, device 0
    >>> print(Place("node7"))
    host node7
    """

    host: str
    device: str | None = None

    @classmethod
    def here(cls, device: str | None = None) -> Self:
        """Return a place on this host."""
        return cls(socket.gethostname(), device)

    def __str__(self) -> str:
        return f"host {self.host}" if self.device is None else f"host {self.host}, device {self.device}"
