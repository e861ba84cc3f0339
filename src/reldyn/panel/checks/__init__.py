"""Findings: everything a careful analyst would ask about a dyadic file, by subject."""
