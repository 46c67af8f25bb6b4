"""A research on disk: research.db, research.json, large values, outputs and the lock.

- ``schema``: the tables and their columns
- ``database``, ``read_only``, ``connections``, ``sqlite_errors``: connections that write and read
- ``meta``, ``curation``, ``outputs``, ``blobs``, ``checksums``: the other files, and checks of rows
- ``names``, ``files``, ``file_watch``, ``lock``: names, files and who may write
- ``fail_points``: named steps at which tests kill this process
"""
