"""Rows brought onto one schedule or grid: prompts from time stamps, continuous ratings, pointers to the partner."""
