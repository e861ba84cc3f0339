"""The ladder of claims: regimes, rhythm, irregular timing, direction, and the verdict."""
