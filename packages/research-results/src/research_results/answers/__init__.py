"""Answers to questions about results: why experiments failed, which config is best, mean and spread.

- ``methods``: the methods of `ResearchResults`
- ``failure_report``: why experiments failed
- ``ranking``, ``objectives``: which config is best, and by what
- ``aggregation``, ``statistics``, ``groups``: means over repetitions
- ``importances``: which parameters matter
- ``comparison``, ``sides``, ``differences``, ``surroundings``, ``comparison_text``: how researches differ
- ``reading``: the input of all of these
"""
