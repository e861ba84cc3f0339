"""Two reports of the same warmth, side by side."""
