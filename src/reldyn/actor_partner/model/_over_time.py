"""`over_time`: stability and influence, the actor-partner model of an outcome on its own past.

Two waves or many: each member's outcome on the own (stability) and the partner's (influence) outcome one occasion
before (Kenny, Kashy and Cook, 2006, chapter 13). A thin reading of `apim` on lagged values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from reldyn.actor_partner._causes import check_passed_on
from reldyn.actor_partner.model._apim import apim
from reldyn.actor_partner.model._result import ApimResult
from reldyn.actor_partner.model._setting import check_call
from reldyn.actor_partner.moments._dyads import FamilyResult
from reldyn.errors import DesignError
from reldyn.mixed import Estimation

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from reldyn.panel import DyadPanel

__all__ = ["OverTimeResult", "over_time"]

WORDS = {"actor": "stability", "partner": "influence"}


@dataclass(frozen=True)
class OverTimeResult(FamilyResult):
    """Stability and influence of an outcome over time.

    Attributes
    ----------
    table : pandas.DataFrame
    fit : ApimResult
        The model underneath.
    n_dyads : int
    outcome : str
    steps : int
    warnings : tuple of str
    """

    table: pd.DataFrame
    fit: ApimResult
    n_dyads: int
    outcome: str
    steps: int
    warnings: tuple[str, ...] = ()

    figure: ClassVar[str | None] = "path_diagram"

    def plot(self, **options: Any) -> Figure:
        """Path diagram of the model underneath."""
        return self.fit.plot(**options)

    def _about(self) -> dict[str, Any]:
        return dict(self.fit.glance().iloc[0])

    def _headline(self) -> str:
        return f"Stability and influence of {self.outcome} over {self.steps} occasion{'s' if self.steps > 1 else ''}"

    def _methods(self) -> str:
        return (
            f"Each member's {self.outcome} was regressed on the own (stability) and the partner's (influence) value "
            f"{self.steps} scheduled occasion{'s' if self.steps > 1 else ''} before, in {len(self.fit.design.y):,} "
            f"rows of {self.n_dyads} dyads ({self.fit.estimates.method.upper()}, {self.fit.estimates.inference}). "
            "Partners' residuals of one occasion are free to correlate. Influence is what the partner's past adds to a "
            "prediction; it is not a cause by itself (Kenny, Kashy and Cook, 2006)."
        )


def over_time(panel: DyadPanel, *, outcome: str, steps: int = 1, **model: Any) -> OverTimeResult:
    """Fit the over-time actor-partner model.

    Parameters
    ----------
    panel : DyadPanel
        Two or more occasions. Lags are by scheduled occasion and never cross a day.
    outcome : str
    steps : int, default 1
        How many occasions back.
    **model
        Everything else `reldyn.apim` takes: further ``predictors``, ``covariates``, ``roles``, ``random``,
        ``residual``, ``estimation``, ... With two waves the lag is centred at the grand mean and nothing varies
        between dyads, because each person has one outcome; with more the defaults of `reldyn.apim` hold: the lag is
        centred at person means.

    Returns
    -------
    OverTimeResult
        ``tidy()`` is that of ``fit`` with ``effect`` called ``stability`` and ``influence`` for the lagged outcome.

    Raises
    ------
    DesignError
        One occasion only, or no dyad has two occasions that far apart.

    Warns
    -----
    DataWarning
        With three and more waves, of the size of the bias of stability: about -(1 + phi) / T, with T the usable
        occasions per person (Nickell, 1981). With three waves that is beyond zero for most stabilities.

    Notes
    -----
    No centring of a lag is right for few waves. Centred at person means, stability is biased downwards; centred at the
    grand mean (``centering="grand"``) it holds what carries over and persons' stable levels, and is right only where
    persons have no levels of their own. The former is the default because its bias is known, and below ten usable
    occasions its statistics and p-values are withheld. ``rd.apim(panel, outcome=..., predictors=(), residual="var1")``
    has neither of these biases: levels are random intercepts, and carry-over is a stationary process around them. It
    needs many dyads where waves are few.

    References
    ----------
    Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter 13. Nickell (1981), Biases in dynamic models with fixed
    effects. Hamaker and Grasman (2015), To center or not to center?

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=60, n_occasions=2, actor=0.3, partner=0.2, seed=1).panel
    >>> rd.actor_partner.over_time(panel, outcome="y").tidy()["effect"].tolist()
    ['intercept', 'intercept', 'stability', 'stability', 'influence', 'influence']
    """
    check_passed_on("over_time", model, apim, ("outcome",))
    check_call(panel, outcome, model.get("estimation", Estimation()))
    if panel.n_occasions < 2:
        raise DesignError("over_time needs at least two occasions: name time, or day and beep, when making the panel.")
    name = f"{outcome}_lag{steps}"
    lagged = panel.lag([outcome], steps=steps)
    if panel.n_occasions <= steps + 1:
        model.setdefault("random", ())
        model.setdefault("centering", "grand")
    more = model.pop("predictors", ())
    fit = apim(lagged, outcome=outcome, predictors=[name, *([more] if isinstance(more, str) else more)], **model)
    table = fit.tidy()
    past = table["variable"] == name
    for effect, word in WORDS.items():
        rows = past & (table["effect"] == effect)
        table.loc[rows, "term"] = [
            term.replace(f"{effect} {name}", f"{word} of {outcome}") for term in table.loc[rows, "term"]
        ]
        table.loc[rows, "effect"] = word
    return OverTimeResult(table, fit, fit.design.n_dyads, outcome, int(steps), fit.warnings)
