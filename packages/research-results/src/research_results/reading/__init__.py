"""Reading: the experiments that a filter lets through, their configs, values, status and files.

- ``source``, ``reader``, ``together``: one research, questions to it; several as one
- ``filters``, ``selected``, ``experiments``: which experiments are wanted
- ``configs``, ``distinct``: their configs
- ``variables``, ``columns``, ``pieces``, ``gather``: their values as columns
- ``rows``, ``at_once``, ``packed``, ``chunks``, ``exact``: rows of the database
- ``status``, ``changes``, ``following``, ``artifacts``, ``versions``: what became of them
- ``methods``: the methods of `ResearchResults`
"""
