"""Outcomes of several waves on their own past."""
