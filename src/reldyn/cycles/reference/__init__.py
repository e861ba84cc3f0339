"""What phases must beat: a series without them, with its dynamics, shocks, variances and levels without memory."""
