"""The description of a series without phases that phases must beat: dynamics, shocks, variances, levels without memory."""
