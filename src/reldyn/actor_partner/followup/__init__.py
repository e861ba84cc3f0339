"""What is asked of a fitted actor-partner model: contrasts, comparisons, patterns, predictions, surfaces."""
