"""Profiles: times of units and functions, measured in workers, collected in one object, shown as frames.

Layout: ``measure`` makes the rows in workers, ``profiler`` collects and shows them,
``stored`` keeps them in the folder of a research.
"""
