"""Exports of platforms: layouts, presets, and how they become rows of a panel."""
