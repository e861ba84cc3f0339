"""The dyadic linear mixed model: random-effect structures, residual processes, estimation and inference.

An engine: arrays in, arrays out. It knows no column names, no actors and no partners.
"""

from reldyn.mixed._options import Residual

__all__ = ["Residual"]
