"""One run: the loop between scheduler, backend and recording; its interrupts, plan and messages.

- ``preparing``, ``run``, ``session``: what is made before the first task; the run; its loop
- ``deciding``: the search or stopping rule of the run
- ``interrupts``, ``summary``: Ctrl-C and SIGTERM; what is said at the end
- ``overview``, ``display``, ``attributes``: `Research.plan`, and how a research presents itself
"""
