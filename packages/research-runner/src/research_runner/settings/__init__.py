"""From the parameters of `Research.run`, as users write them, to the typed settings of a run."""
