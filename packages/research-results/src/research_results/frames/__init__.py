"""DataFrames and labelled arrays of results, and the methods that return them.

``methods``                            `ResearchResults.df`, `to_df`, `experiments`, `failures`, `to_xarray`
``assembly``, ``layout``, ``columns``  DataFrames of values and configs
``status``                             `experiments` and `failures`
``arrays``, ``labels``                 labelled arrays
``texts``                              values as text
"""
