"""The operating system: processes and their deaths, files, the terminal, and fail points of tests.

- ``death``, ``process_identity``, ``worker_events``: how processes end, are told apart, and report both
- ``paths``, ``own_files``, ``open_files``, ``transient``: files, and errors that pass, such as a full disk
- ``console``, ``texts``: messages on the terminal; the encoding of text
- ``environment``, ``libraries``, ``limits``, ``place``: versions, variables, limits, and the host of a worker
- ``fail_points``: named lines at which tests kill this process
"""
