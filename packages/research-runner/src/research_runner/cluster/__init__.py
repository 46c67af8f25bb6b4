"""Tasks on engines such as Dask and Ray: an agent of ours on each host, and messages between."""
