"""Calibration of `reldyn.detect_cycles`: simulated series, cells with their goals, and the runner that stores rates."""
