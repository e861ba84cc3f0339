"""The dynamic panel model of two members: a lagged outcome, stable levels, and a free first wave."""
