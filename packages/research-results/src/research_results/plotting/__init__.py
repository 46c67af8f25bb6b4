"""Pictures of results; drawing needs matplotlib.

- ``methods``, ``request``: `ResearchResults.plot`, and its arguments for each kind
- ``drawing``: the table of kinds and their functions
- ``series``, ``boxes``, ``heatmap``, ``importances``, ``parallel``, ``pareto``: the kinds
- ``data``, ``factors``, ``arrangement``: what is drawn, in which colours and panels
- ``canvas``, ``legend``, ``scales``, ``texts``: axes, legends, scales and labels
"""
