"""The parameters of `Research.run`, checked and turned into the typed settings of a run."""
