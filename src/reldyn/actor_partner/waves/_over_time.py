"""`over_time`: stability and influence, the actor-partner model of an outcome on its own past.

Each member's outcome on the own (stability) and the partner's (influence) outcome one occasion before (Kenny, Kashy and
Cook, 2006, chapter 13). Two waves are a regression on the past; from three on stable levels are told from stability by
the dynamic panel model with a free first wave, or by a stationary process where the caller declares one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._format import counted
from reldyn._types import Column, Terms
from reldyn.actor_partner._causes import check_passed_on, two_valued_note
from reldyn.actor_partner._metrics import metric_note, unequal_metrics
from reldyn.actor_partner._past import has_levels
from reldyn.actor_partner.model._apim import apim
from reldyn.actor_partner.model._result import ApimResult
from reldyn.actor_partner.model._setting import as_random, as_residual, check_call
from reldyn.actor_partner.model._terms import named_terms, strata_of
from reldyn.actor_partner.model._text import residual_phrase
from reldyn.actor_partner.moments._dyads import FamilyResult
from reldyn.actor_partner.waves._panel_waves import dynamic_panel_rows, panel_waves, too_long
from reldyn.errors import ConvergenceWarning, DataWarning, DesignError, warn_caller
from reldyn.mixed import Estimation, Residual, fit_dynamic_panel, shared
from reldyn.panel import analysis
from reldyn.results import InState

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from reldyn.panel import DyadPanel

__all__ = ["OverTimeResult", "over_time"]

WORDS = {"actor": "stability", "partner": "influence"}
# What may be said beside the outcome and still leave the model to `over_time`.
_FREE = frozenset({"roles", "estimation"})
_TWO_WAVES = (
    "With two waves stable levels and stability are one: the stability holds whatever makes a person alike at both "
    "waves. A third wave tells them apart."
)


class OverTimeResult(FamilyResult):
    """Stability and influence of an outcome over time.

    Attributes
    ----------
    table : pandas.DataFrame
    fit : ApimResult or None
        The model underneath; None for the dynamic panel model.
    n_dyads : int
    outcome : str
    steps : int
    notes : tuple of str
    method : {"lagged", "dynamic panel", "stationary"}
        A regression on the lagged outcome; the dynamic panel model with a free first wave; a stationary `var1` process
        around random intercepts.
    about : mapping
        What `glance` says of a dynamic panel model.
    """

    fit = InState[ApimResult | None]()
    outcome = InState[str]()
    steps = InState[int]()
    method = InState[str]("lagged")
    about = InState[Mapping[str, Any]](factory=dict)

    figure: ClassVar[str | None] = "path_diagram"

    def plot(self, **options: Any) -> Figure:
        """Path diagram: the past of both members on the left, their present on the right."""
        if self.fit is not None and self.method == "lagged":
            return self.fit.plot(**options)
        import importlib

        figure: Figure = importlib.import_module("reldyn.plot").path_diagram(
            _Paths(self.table, self.outcome), **options
        )
        return figure

    def _about(self) -> dict[str, Any]:
        if self.fit is not None:
            return dict(self.fit.glance().iloc[0])
        return {name: value for name, value in self.about.items() if name != "stable_variance"}

    def _headline(self) -> str:
        return f"Stability and influence of {self.outcome} over {counted(self.steps, 'occasion')}"

    def _methods(self) -> str:
        if self.fit is None:
            return _panel_methods(self)
        rows = f"{counted(len(self.fit.design.y), 'row')} of {counted(self.n_dyads, 'dyad')}"
        how = f"({self.fit.estimates.method.upper()}, {self.fit.estimates.inference})"
        if self.method == "stationary":
            return (
                f"Each member's {self.outcome} was modelled as a person's own level and deviations from it, whose "
                "stability (from the own) and influence (from the partner's deviation one scheduled occasion before) "
                f"are those of a stationary first-order process, in {rows} {how}. {_CAUTION}"
            )
        return (
            f"Each member's {self.outcome} was regressed on the own (stability) and the partner's (influence) value "
            f"{counted(self.steps, 'scheduled occasion')} before, in {rows} {how}. "
            f"{_residuals_sentence(self.fit)} {_CAUTION}"
        )


def _residuals_sentence(fit: ApimResult) -> str:
    """What is assumed of partners' residuals, in the words of the model underneath."""
    if fit.estimates.data == "marginal":
        return "The model is marginal (generalised estimating equations), with dyads as clusters."
    return f"Residuals: {residual_phrase(fit.setting.residual)}."


_CAUTION = (
    "Influence is what the partner's past adds to a prediction; it is not a cause by itself (Kenny, Kashy and Cook, "
    "2006)."
)


class _Paths:
    """Stability and influence under the names that a path diagram knows."""

    figure = "path_diagram"

    def __init__(self, table: pd.DataFrame, outcome: str) -> None:
        self.outcome = outcome
        self._table = table.assign(effect=table["effect"].replace({word: name for name, word in WORDS.items()}))

    def tidy(self) -> pd.DataFrame:
        return self._table


@analysis
def over_time(
    panel: DyadPanel, *, outcome: Column, steps: int = 1, predictors: Terms = (), **model: Any
) -> OverTimeResult:
    """Fit the over-time actor-partner model.

    Parameters
    ----------
    panel : DyadPanel
        Two or more occasions. Lags are by scheduled occasion and never cross a day.
    outcome : str
    steps : int, default 1
        How many occasions back.
    predictors : str, shared, or sequence of these
        Further predictors beside the outcome's past, as in `reldyn.apim`.
    **model
        ``roles`` and ``estimation``, and everything else `reldyn.apim` takes. Without more than the former two, one
        series per person of three and more waves is fitted by the dynamic panel model: by maximum likelihood, with
        stable levels of each person and a first wave of which nothing is assumed. ``residual="var1"`` declares that
        deviations from persons' levels are stationary from the first occasion on, which is worth more precision where
        it holds, and serves several days of prompts too. Anything else (``centering``, ``predictors``, other
        ``residual``, ...) makes a regression on the lagged outcome by `reldyn.apim`.

    Returns
    -------
    OverTimeResult
        ``tidy()`` has ``effect`` ``stability`` and ``influence`` in its main rows.

    Raises
    ------
    DesignError
        One occasion only, no dyad has two occasions that far apart, or random intercepts are asked of two waves, where
        stable levels and stability are one.

    Warns
    -----
    DataWarning
        Of the bias of a lag that is centred at person means (Nickell, 1981), of waves that are missing, and of three
        waves.
    ConvergenceWarning
        The optimum of the dynamic panel model is not verified.

    Notes
    -----
    No centring of a lag is right for few waves: centred at person means, stability is biased by about -(1 + phi) / T;
    centred at the grand mean it holds persons' stable levels. The dynamic panel model has neither bias. Its stable part
    may have a negative estimated variance, which is no error: held at zero, the stability of persons who do not differ
    would come out too small. Below ten waves its tests and intervals are those of the profile likelihood, since normal
    ones cover too little. With three waves they are wide and not symmetric, because three waves say little about
    stability beside levels: the estimate's own distribution has a long upper tail, its mean is too large in samples of
    200 dyads, and no correction is made (one of first order left as much), but intervals cover; a note says so.
    Missing values of single waves and members are used as missing at random. With two waves the lag is centred at the
    grand mean, nothing varies between dyads, and stability holds stable levels.

    References
    ----------
    Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter 13. Nickell (1981), Biases in dynamic models with fixed
    effects. Moral-Benito (2013), Likelihood-based estimation of dynamic panels with predetermined regressors. Allison,
    Williams and Moral-Benito (2017), Maximum likelihood for cross-lagged panel models with fixed effects.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=60, n_occasions=4, actor=0.3, partner=0.2, phi=0.3, seed=1).panel
    >>> rd.actor_partner.over_time(panel, outcome="y").tidy()["effect"].tolist()
    ['stability', 'stability', 'influence', 'influence']
    """
    check_passed_on("over_time", model, apim, ("outcome", "predictors"))
    more = [shared(name) if common else name for name, common in named_terms(predictors, "predictors")]
    model = model | ({"predictors": more} if more else {})
    check_call(outcome, model.get("estimation", Estimation()))
    if panel.n_occasions < 2:
        raise DesignError("over_time needs at least two occasions: name time, or day and beep, when making the panel.")
    if "residual" in model and as_residual(model["residual"]).process == "var1":
        return _stationary(panel, outcome, steps, model)
    two_waves = panel.n_occasions <= steps + 1
    if two_waves and "random" in model and has_levels(as_random(model["random"], repeated=True)):
        raise DesignError(
            f"random intercepts cannot be separated from stability with {panel.n_occasions} waves: both make the waves "
            "alike. Leave random out, or collect a third wave."
        )
    if not two_waves and _is_panel_model(panel, steps, model):
        waves = panel_waves(panel, outcome, strata_of(panel, model.get("roles"))[1][0])
        if not too_long(waves):
            return _dynamic_panel(panel, outcome, waves, model)
        note = (
            f"{waves.shape[1]} waves with gaps: what is assumed of the first one no longer matters, so deviations are "
            "taken as stationary (residual='var1')."
        )
        warn_caller(note, DataWarning)
        return _stationary(panel, outcome, steps, model | {"residual": Residual("var1")}, (note,))
    return _lagged(panel, outcome, steps, model, two_waves=two_waves)


def _is_panel_model(panel: DyadPanel, steps: int, model: Mapping[str, Any]) -> bool:
    """Whether the dynamic panel model answers what was asked: one series, nothing but the outcome."""
    estimation = model.get("estimation", Estimation())
    plain = estimation.missing == "available" and estimation.inference in (None, "z", "profile")
    index = panel.index
    one_series = index.n_days == 1 and index.on_grid and index.cells >= 3
    asked = _FREE.issuperset(model) and steps == 1 and plain
    return asked and one_series and strata_of(panel, model.get("roles"))[0] != "by-composition"


def _dynamic_panel(panel: DyadPanel, outcome: str, waves: Any, model: Mapping[str, Any]) -> OverTimeResult:
    stratum = strata_of(panel, model.get("roles"))[1][0]
    asked = model.get("estimation", Estimation()).inference
    intervals = {None: None, "z": "normal", "profile": "profile"}[asked]
    fit = fit_dynamic_panel(waves, exchangeable=stratum.exchangeable, intervals=intervals)
    table, about, notes = dynamic_panel_rows(fit, waves, stratum, outcome)
    for note in notes:
        warn_caller(note, DataWarning if fit.converged else ConvergenceWarning)
    scales = metric_note(unequal_metrics(panel, [outcome], (stratum,)))
    for note in scales:
        warn_caller(note, DataWarning)
    notes = (*notes, *scales, *two_valued_note(panel, outcome))
    return OverTimeResult.of(
        table=table,
        fit=None,
        n_dyads=about["n_dyads"],
        outcome=outcome,
        steps=1,
        notes=notes,
        method="dynamic panel",
        about=about,
    )


def _stationary(
    panel: DyadPanel, outcome: str, steps: int, model: Mapping[str, Any], notes: tuple[str, ...] = ()
) -> OverTimeResult:
    """A `var1` process around persons' levels."""
    import pandas as pd

    if steps != 1:
        raise DesignError(f"residual='var1' goes from one occasion to the next: leave steps={steps!r} out.")
    model = dict(model)
    fit = apim(panel, outcome=outcome, predictors=model.pop("predictors", ()), **model)
    rows, fixed = fit.tidy("residual"), fit.tidy()
    rows = rows[rows["effect"].isin(("stability", "influence", "contrast"))]
    table = pd.concat([rows.reindex(columns=fixed.columns), fixed], ignore_index=True)
    words = [name for name in ("moderator", "moderated", "trait_of", "composition") if name in table]
    table[words] = table[words].fillna("")
    return OverTimeResult.of(
        table=table,
        fit=fit,
        n_dyads=fit.design.n_dyads,
        outcome=outcome,
        steps=1,
        notes=(*notes, *fit.warnings),
        method="stationary",
    )


def _lagged(panel: DyadPanel, outcome: str, steps: int, model: dict[str, Any], *, two_waves: bool) -> OverTimeResult:
    """A regression on the lagged outcome."""
    name = f"{outcome}_lag{steps}"
    lagged = panel.lag([outcome], steps=steps)
    if two_waves:
        model.setdefault("centering", "grand")
        # A marginal model has no random effects that could be left out.
        if model.get("family", "gaussian") == "gaussian":
            model.setdefault("random", ())
    fit = apim(lagged, outcome=outcome, predictors=[name, *model.pop("predictors", ())], **model)
    table = fit.tidy()
    past = table["variable"] == name
    for effect, word in WORDS.items():
        rows = past & (table["effect"] == effect)
        table.loc[rows, "term"] = [
            term.replace(f"{effect} {name}", f"{word} of {outcome}") for term in table.loc[rows, "term"]
        ]
        table.loc[rows, "effect"] = word
    notes = (*fit.warnings, *((_TWO_WAVES,) if two_waves else ()))
    return OverTimeResult.of(
        table=table, fit=fit, n_dyads=fit.design.n_dyads, outcome=outcome, steps=int(steps), notes=notes
    )


def _panel_methods(result: OverTimeResult) -> str:
    about = result.about
    intervals = "profile likelihood" if about["intervals"] == "profile" else "observed information (normal)"
    start = (
        "" if about["converged"] else "THE FIT DID NOT CONVERGE: the numbers below are not estimates to be reported. "
    )
    values = counted(2 * about["n_dyads"] * about["waves"], "value")
    missing = (
        ""
        if about["complete"]
        else f" {about['n_obs']:,} of {values} are there; others are taken as missing at random."
    )
    return (
        f"{start}Each member's {result.outcome} depends on the own (stability) and the partner's (influence) value one "
        f"wave before, beside a stable part of each person and the mean of each wave ({about['waves']} waves, "
        f"{counted(about['n_dyads'], 'dyad')}): a dynamic panel model by maximum likelihood with a free first wave, "
        "whose covariance with the stable parts is estimated (Moral-Benito, 2013; Allison, Williams and Moral-Benito, "
        f"2017).{missing} The stable parts' variance is "
        f"{' and '.join(f'{float(np.round(value, 3)):g}' for value in about['stable_variance'])}; it may come out "
        f"negative. Log-likelihood {about['log_likelihood']:.3f}, {about['n_parameters']} parameters. Tests and "
        f"intervals: {intervals}. {_CAUTION}"
    )
