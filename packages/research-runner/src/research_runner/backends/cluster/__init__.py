"""Backends for clusters (Dask, Ray): an agent on each host, and messages between it and the coordinator."""
