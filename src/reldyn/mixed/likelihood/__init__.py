"""The likelihood of the mixed model, its derivatives, and the way to its maximum."""
