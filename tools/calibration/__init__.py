"""Simulations that are too long for the suite; see README.md."""
