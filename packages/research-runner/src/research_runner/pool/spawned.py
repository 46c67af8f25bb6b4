"""The first lines of a spawned worker: the import path of the coordinator, then the worker itself.

It is run as a script, because with ``-c`` the first entry of the path is the working directory, which may be
gone: Python 3.13.0 cannot import a module of C then.
"""

import json
import sys

if __name__ == "__main__":
    sys.path[:] = json.loads(sys.argv.pop())
    from research_runner.pool.worker_main import main

    main(int(sys.argv.pop()))
