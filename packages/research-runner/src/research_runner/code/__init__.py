"""The user's own code: which modules a run reaches, a record of them, and workers that import from it.

Layout: ``watching`` notes in the user's process what is imported; ``finding`` says which modules the units of
a run reach, by way of ``owned``, which tells the user's own modules from installed ones; ``record`` keeps
their content; ``importing`` lets a process import them from there. ``importing`` needs nothing but the
standard library, so that any child of a worker can begin with it.
"""
