"""What a process that a unit has spawned runs first: the import path, and then the code that arrives.

It is run by its path, with ``payload`` among its globals, and leaves the ``name`` of the main module, which
tells `multiprocessing` that there is nothing left to do. Imported as a module, it does nothing.
"""

import sys

if "payload" in globals():
    _payload = globals()["payload"]
    sys.path[:] = _payload["sys_path"]

    from research_runner.worker.children.arriving import arrive  # it is found only now

    arrive(_payload)
    name = "__main__"
