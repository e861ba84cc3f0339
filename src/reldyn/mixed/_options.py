"""What a user may ask of the mixed model, checked in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from reldyn.errors import DesignError, check_option

ResidualProcess = Literal["independent", "unstructured", "ar1", "car1", "var1"]
_SERIAL = ("ar1", "car1", "var1")


@dataclass(frozen=True, slots=True)
class Residual:
    """How the two members' residuals hang together, within an occasion and over time.

    Parameters
    ----------
    process : {"independent", "unstructured", "ar1", "car1", "var1"}, default "unstructured"
        ``"independent"``: one variance per role and nothing else. ``"unstructured"``: a 2 x 2 covariance at each
        occasion, the usual actor-partner model and therefore the default. ``"ar1"``: each role its own
        autoregression with correlated innovations. ``"car1"``: the same in continuous time, from each member's own
        time stamps. ``"var1"``: a full 2 x 2 transition, so that one member's residual may carry over to the other.
    common : bool, default False
        One autoregression (one transition matrix up to role swap) for both roles. The default lets the roles differ.
    equal_variances : bool, default False
        One (innovation, measurement-error) variance for both roles. The default lets the roles differ.
    measurement_error : bool, default False
        Add white noise to a serial process, one variance per role. Off by default: it asks for long series.

    Raises
    ------
    DesignError
        If `process` is not known, or `common` or `measurement_error` is asked of a process without time in it.

    Notes
    -----
    A partner missing at an occasion costs only that half; a gap counts as the steps it spans.

    Examples
    --------
    >>> Residual("ar1", common=True).process
    'ar1'
    """

    process: ResidualProcess = "unstructured"
    common: bool = False
    equal_variances: bool = False
    measurement_error: bool = False

    def __post_init__(self) -> None:
        check_option(self.process, get_args(ResidualProcess), "residual process")
        if self.process in _SERIAL:
            return
        for name in ("common", "measurement_error"):
            if getattr(self, name):
                raise DesignError(
                    f"Residual({self.process!r}, {name}=True) cannot be estimated: the process has no carry-over from "
                    f"occasion to occasion. Leave {name} out, or choose one of {', '.join(map(repr, _SERIAL))}."
                )

    @property
    def serial(self) -> bool:
        """Whether residuals of different occasions are related."""
        return self.process in _SERIAL
