"""Models of two members' means and covariances: one row per dyad."""
