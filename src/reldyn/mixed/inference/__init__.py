"""Standard errors, tests and intervals of fixed effects, each by one method."""
