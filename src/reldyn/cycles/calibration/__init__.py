"""False positives and power of the claims by simulation."""
