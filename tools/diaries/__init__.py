"""One diary written in many ways: whatever its times look like, lags and partners are the same."""
