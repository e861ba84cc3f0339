"""Incomplete predictors: modelled jointly with the outcome, or imputed."""
