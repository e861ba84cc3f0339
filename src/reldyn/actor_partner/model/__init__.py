"""The actor-partner model: from a panel to a design, a fit and its result."""
