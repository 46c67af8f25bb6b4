"""The parameters of `Research.run`, checked and turned into the typed settings of a run.

``parameters``           the table: name, default and rule of each parameter
``arguments``            the rules for single parameters
``contradictions``       parameters that exclude each other
``reading``, ``values``  from parameters to settings; the classes of the settings
"""
