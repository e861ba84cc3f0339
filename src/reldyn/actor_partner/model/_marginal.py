"""Actor-partner models of outcomes that are not normal: yes or no, counts, and few ordered categories.

Marginal models by generalised estimating equations (Liang and Zeger, 1986; Loeys, Cook, De Smet, Wietzker and Buysse,
2014, for dyads): effects are those in the population of dyads, not within a given dyad.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn

import numpy as np

from reldyn._format import counted
from reldyn.actor_partner._separation import separated_columns, separation_note
from reldyn.actor_partner.model._design import DesignRows, identifiers
from reldyn.actor_partner.model._estimates import Estimates
from reldyn.actor_partner.model._gee import GeeFit, MarginalWald, fit_gee, thresholds_of
from reldyn.actor_partner.model._result import ApimResult
from reldyn.actor_partner.model._terms import DesignColumn, DesignTerm
from reldyn.errors import ConvergenceWarning, DataError, DataWarning, DesignError, describe_rows, warn_caller
from reldyn.mixed import Wald
from reldyn.results import InState

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.actor_partner.model._setting import ModelSetting
    from reldyn.panel import DyadPanel
    from reldyn.results import Section

__all__ = ["FAMILIES", "MarginalApimResult", "fit_marginal", "refuse_mixed_options"]

FAMILIES = ("gaussian", "binomial", "poisson", "negative-binomial", "ordinal")
FEW_DYADS = 20
# Fitted probabilities (expected counts) closer to the edge of their range than this may stand for infinite slopes.
MARGIN = 1e-4
MOST_CATEGORIES = 15
READING = {
    "binomial": "log odds of a 1; their exponentials are odds ratios",
    "poisson": "log expected counts; their exponentials are rate ratios",
    "negative-binomial": "log expected counts; their exponentials are rate ratios",
    "ordinal": "log odds of a higher category, the same at every threshold; their exponentials are odds ratios",
}
NAMES = {
    "binomial": "logistic",
    "poisson": "Poisson log-linear",
    "negative-binomial": "negative-binomial log-linear",
    "ordinal": "cumulative logit",
}


class MarginalApimResult(ApimResult):
    """A marginal actor-partner model of an outcome that is not normal.

    Attributes
    ----------
    family : {"binomial", "poisson", "negative-binomial", "ordinal"}
    dispersion : float
        Negative-binomial alpha: the variance is mean + alpha mean squared. NaN for other families.
    working : float
        Working correlation of partners; NaN where independence was assumed.
    categories : tuple of float
        Of an ordinal outcome.
    """

    family = InState[str]("binomial")
    dispersion = InState[float](float("nan"))
    working = InState[float](float("nan"))
    categories = InState[tuple[float, ...]](())

    figure: ClassVar[str | None] = "path_diagram"

    @property
    def log_likelihood(self) -> float:
        """There is none: estimating equations have no likelihood."""
        raise DesignError(
            "a marginal model (GEE) has no likelihood, so there is nothing to compare by it: test coefficients with "
            "fit.contrast, for example fit.contrast('role-differences')."
        )

    def glance(self) -> pd.DataFrame:
        """One row: counts, ``family``, ``dispersion``, ``working_correlation``, ``inference``, ``converged``."""
        import pandas as pd

        row = {
            "n_dyads": self.design.n_dyads,
            "n_persons": self.design.n_persons,
            "n_obs": len(self.design.y),
            "family": self.family,
            "n_parameters": len(self.estimates.beta),
            "dispersion": self.dispersion,
            "working_correlation": self.working,
            "method": "gee",
            "inference": self.estimates.inference,
            "converged": self.estimates.converged,
        }
        return pd.DataFrame([row])

    def tidy(self, of: Literal["random", "residual"] | None = None) -> pd.DataFrame:
        """One row per coefficient, as for Gaussian outcomes, with ``ratio``: the exponential of the estimate.

        Thresholds of ordinal outcomes have ``effect`` ``threshold``; ``intercept`` is then a role's shift of them all.
        """
        if of is not None:
            raise DesignError("a marginal model (GEE) has neither random effects nor a residual process to tidy.")
        table = super().tidy()
        return table.assign(ratio=np.exp(table["estimate"]))

    def _headline(self) -> str:
        return f"Marginal actor-partner model of {self.design.outcome} ({NAMES[self.family]})"

    def _sections(self) -> Iterable[Section]:
        from reldyn.actor_partner.model._text import without_identifying

        return (without_identifying(self.tidy()),)

    def _methods(self) -> str:
        from reldyn.actor_partner.model._text import _members, _predictor_sentences

        start = "" if self.converged else "THE FIT DID NOT CONVERGE: the numbers below are not to be reported. "
        working = (
            f"one working correlation of partners ({self.working:.3f})"
            if np.isfinite(self.working)
            else "working independence, because the members of a dyad have different weights"
            if self.setting.weights is not None and self._one_occasion
            else "working independence, because over several occasions other choices bias effects of predictors that "
            "change (Pepe and Anderson, 1994)"
            if self.family != "ordinal"
            else "working independence between answers"
        )
        # Odds ratios shrink when averaged over dyads; rate ratios do not.
        logistic = self.family in ("binomial", "ordinal")
        smaller = ", and smaller than effects within a given dyad would be" if logistic else ""
        extra = f" Dispersion alpha {self.dispersion:.3f}." if np.isfinite(self.dispersion) else ""
        return (
            f"{start}Generalised estimating equations ({NAMES[self.family]}) with dyads as clusters: "
            f"{len(self.design.y):,} of {counted(self.setting.n_rows_panel, 'row')} of "
            f"{counted(self.design.n_dyads, 'dyad')}; {_members(self.setting.roles, self.design.strata)}. "
            f"{' '.join(_predictor_sentences(self.setting))} {working[0].upper()}{working[1:]}.{extra} Bias-reduced "
            f"robust standard errors with {self.estimates.df[0]:.0f} degrees of freedom (dyads minus coefficients). "
            "Effects are marginal: differences between persons in the population who differ in the predictor, "
            f"averaged over dyads{smaller}. On the scale of {READING[self.family]}. (Liang and Zeger, 1986; Mancl and "
            "DeRouen, 2001; Loeys et al., 2014)"
        )

    @property
    def _one_occasion(self) -> bool:
        return len(self.design.y) <= 2 * self.design.n_dyads

    def covariance(self, of: str) -> pd.DataFrame:
        """Covariance of partners' Pearson residuals (``"residual"``); there are no random effects.

        Returns
        -------
        pandas.DataFrame
            NaN for ordinal outcomes, which have no Pearson residuals.
        """
        from reldyn.actor_partner.model._tables import covariance_frame

        return covariance_frame(self.design, self.estimates, of)

    def pattern(self, *, interval: Any = "fieller", seed: Any = None) -> NoReturn:
        """Not offered: the rule for k rests on standardised Gaussian effects."""
        del interval, seed
        raise DesignError(
            "the pattern rule for k rests on standardised effects of a Gaussian outcome. For a marginal model compare "
            "actor and partner effects with fit.contrast('actor-minus-partner')."
        )

    @cached_property
    def _inference(self) -> Wald:
        return MarginalWald(self.estimates.beta, self.estimates.cov, float(self.estimates.df[0]))

    @cached_property
    def _engine(self) -> NoReturn:
        raise DesignError(
            "a marginal model (GEE) has no random effects and no conditional residuals: what is asked for needs a "
            "Gaussian model of rd.apim."
        )


def refuse_mixed_options(family: str, random: Any, residual_given: bool, setting: ModelSetting) -> None:
    """Refuse what a marginal model has not.

    Raises
    ------
    DesignError
        Random effects, a residual process, an inference or a handling of missing values was asked for.
    """
    if random is not None:
        raise DesignError(
            f"family={family!r} is a marginal model (GEE): it has no random effects. Leave random out; dependence "
            "within dyads is in the standard errors."
        )
    if residual_given:
        raise DesignError(
            f"family={family!r} is a marginal model (GEE): it has no residual process. Leave residual out; dependence "
            "within dyads is in the standard errors."
        )
    estimation = setting.estimation
    if estimation.inference is not None:
        raise DesignError(
            f"family={family!r} has bias-reduced robust standard errors: inference={estimation.inference!r} belongs to "
            "Gaussian models: leave inference out."
        )
    if estimation.missing != "available":
        raise DesignError(
            f"missing={estimation.missing!r} models Gaussian predictors together with a Gaussian outcome: with "
            f"family={family!r} use missing='available'."
        )


def fit_marginal(
    panel: DyadPanel, design: DesignRows, family: str, setting: ModelSetting, notes: tuple[str, ...]
) -> MarginalApimResult:
    """Check the outcome, solve, and put the result together.

    Raises
    ------
    DataError
        The outcome does not fit the family.
    DesignError
        Too few dyads for the coefficients, or columns that depend on each other.
    """
    _check_outcome(design, family)
    columns, kept = _columns(design, family)
    X = design.matrix(kept)
    if design.n_dyads <= len(columns) + 1:
        raise DesignError(
            f"{counted(design.n_dyads, 'dyad')} cannot carry {len(columns)} coefficients with robust standard errors: "
            "name fewer terms, or mark some with rd.shared."
        )
    if np.linalg.matrix_rank(X) < X.shape[1]:
        raise DesignError(f"the terms {', '.join(c.name for c in kept)} depend on each other: leave one of them out.")
    repeated = bool(np.bincount(design.dyad).max() > 2)
    fit = fit_gee(
        design.y,
        X,
        design.dyad,
        family,
        exchangeable=not repeated and family != "ordinal" and _one_weight_per_dyad(design),
        offset=design.offset,
        weights=design.weights,
    )
    split = _split_names(design, X, kept, fit, family)
    more = _notes(design, fit, family, split)
    design = dataclasses.replace(design, fixed=columns, random=())
    return MarginalApimResult.of(
        setting=setting,
        design=design,
        estimates=_estimates(fit, design, settled=fit.converged and not fit.split and not split),
        identifiers=identifiers(panel._frame, panel, design),
        notes=(*notes, *more),
        family=family,
        dispersion=fit.dispersion,
        working=fit.working,
        categories=tuple(np.unique(design.y).tolist()) if family == "ordinal" else (),
    )


def _one_weight_per_dyad(design: DesignRows) -> bool:
    """Whether partners count alike: with two weights in a dyad independence is the working assumption."""
    if design.weights is None:
        return True
    top = np.zeros(design.n_dyads)
    np.maximum.at(top, design.dyad, design.weights)
    return bool(np.all(design.weights == top[design.dyad]))


def _check_outcome(design: DesignRows, family: str) -> None:
    if family == "ordinal" and design.weights is not None:
        raise DesignError("family='ordinal' takes no weights: leave weights out, or use another family.")
    y = design.y
    whole = y == np.floor(y)
    wanted = {
        "binomial": (np.isin(y, (0.0, 1.0)), "0 or 1"),
        "poisson": (whole & (y >= 0), "counts: 0, 1, 2, ..."),
        "negative-binomial": (whole & (y >= 0), "counts: 0, 1, 2, ..."),
    }
    if family in wanted:
        right, what = wanted[family]
        if not right.all():
            bad = design.rows[~right]
            raise DataError(
                f"family={family!r} needs an outcome of {what}, and {design.outcome!r} is {y[~right][0]:g} in "
                f"{describe_rows(bad.tolist())}: recode it, or choose another family."
            )
        return
    n = len(np.unique(y))
    if not 3 <= n <= MOST_CATEGORIES:
        fix = "use family='binomial'" if n < 3 else "use family='gaussian', or group the categories"
        raise DataError(
            f"family='ordinal' is for 3 to {MOST_CATEGORIES} ordered categories, and {design.outcome!r} has {n}: {fix}."
        )


def _columns(design: DesignRows, family: str) -> tuple[tuple[DesignColumn, ...], tuple[DesignColumn, ...]]:
    """Columns of the coefficients, and those of the design matrix."""
    if family != "ordinal":
        return design.fixed, design.fixed
    # Thresholds take the place of one intercept; further ones shift all thresholds of their role.
    intercepts = [column for column in design.fixed if column.term.effect == "intercept"]
    kept = tuple(column for column in design.fixed if column is not intercepts[0])
    base = intercepts[0].base
    above = [
        DesignColumn(DesignTerm("threshold", f"above {value:g}"), base, 0, -1) for value in thresholds_of(design.y)
    ]
    return (*above, *kept), kept


def _split_names(
    design: DesignRows, X: Any, columns: tuple[DesignColumn, ...], fit: GeeFit, family: str
) -> tuple[str, ...]:
    """Terms without a finite coefficient; asked only where something points there."""
    if fit.converged and not fit.split and fit.margin > MARGIN:
        return ()
    whole = separated_columns(design.y, X, family)
    if not whole.any():
        return ()
    base = [place for place, column in enumerate(columns) if column.term.effect == "intercept"]
    groups: dict[DesignTerm, list[int]] = {}
    for place, column in enumerate(columns):
        if place not in base:
            groups.setdefault(column.term, []).append(place)
    # A term that splits the outcomes by itself is the cause; without one it is a combination of several.
    found: list[int] = []
    for own in groups.values():
        split = separated_columns(design.y, X[:, [*base, *own]], family)[len(base) :]
        found += [place for place, runs in zip(own, split, strict=True) if runs]
    everything = np.flatnonzero(whole).tolist()
    found = found or [place for place in everything if place not in base] or everything
    return tuple(columns[place].name for place in found)


def _notes(design: DesignRows, fit: GeeFit, family: str, split: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    if design.n_dyads < FEW_DYADS:
        notes.append(
            f"Only {counted(design.n_dyads, 'dyad')}: below {FEW_DYADS}, robust standard errors are unreliable even "
            "after reduction of their bias."
        )
    if family == "negative-binomial" and fit.dispersion == 0.0:
        notes.append(
            "No more spread than a Poisson distribution has: the dispersion is 0 and family='poisson' suffices."
        )
    for note in notes:
        warn_caller(note, DataWarning)
    if fit.converged and not fit.split and not split:
        return tuple(notes)
    trouble = (
        separation_note(design.outcome, split)
        if split
        else "The estimating equations did not settle: the numbers are not to be reported."
        if not fit.converged
        else "A standard error is so large that some predictor seems to split the outcomes without overlap: the "
        "numbers are not to be reported."
    )
    warn_caller(trouble, ConvergenceWarning)
    return (*notes, trouble)


def _estimates(fit: GeeFit, design: DesignRows, *, settled: bool) -> Estimates:
    df = float(design.n_dyads - len(fit.beta))
    found = MarginalWald(fit.beta, fit.cov, df).contrasts()
    return Estimates(
        method="gee",
        inference="bias-reduced",
        log_likelihood=float("nan"),
        n_covariance=0,
        beta=fit.beta,
        cov_model=fit.cov_model,
        cov=fit.cov,
        df=found.df,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        p_value=found.p_value,
        random=np.empty((0, 0)),
        natural=(),
        residual=tuple({"covariance": _pearson_covariance(fit, design, code)} for code in range(len(design.strata))),
        converged=settled,
        at_boundary=False,
        message="settled" if fit.converged else "not settled",
        trace={},
        data="marginal",
    )


def _pearson_covariance(fit: GeeFit, design: DesignRows, stratum: int) -> Any:
    """Mean products of the members' Pearson residuals at the same occasion, (2, 2)."""
    inside = design.stratum[design.dyad] == stratum
    grid: dict[tuple[int, float], list[float]] = {}
    for row in np.flatnonzero(inside):
        pair = grid.setdefault((int(design.dyad[row]), float(design.step[row])), [np.nan, np.nan])
        pair[int(design.member[row])] = float(fit.pearson[row])
    pairs = np.array(list(grid.values()))
    if design.strata[stratum].exchangeable:
        pairs = np.vstack([pairs, pairs[:, ::-1]])
    both = pairs[np.isfinite(pairs).all(axis=1)]
    return both.T @ both / len(both) if len(both) else np.full((2, 2), np.nan)
