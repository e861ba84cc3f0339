"""Numbers of every analysis on clean panels, kept so that a change of structure can be told from a change of result."""
