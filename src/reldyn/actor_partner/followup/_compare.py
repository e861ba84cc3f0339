"""`compare`: the likelihood-ratio test of two nested models, with its guards and its boundaries.

A variance that is zero under the smaller model lies on the edge of its range, where the usual chi-squared reference
is too strict (Self and Liang, 1987; Stram and Lee, 1994): for one added random effect the reference is a 50:50
mixture of two chi-squareds; for several, or a singular smaller model, the parametric bootstrap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn.errors import DesignError
from reldyn.results import InState, Result, equals_p
from reldyn.stats import monte_carlo_p

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._design import DesignRows
    from reldyn.actor_partner.model._result import MixedResult

__all__ = ["ComparisonResult", "compare", "likelihood_ratio"]

# Optimisers agree to about this much log-likelihood; a larger model that is worse by more is no larger model.
SLACK = 1e-4


class ComparisonResult(Result):
    """A likelihood-ratio test of two nested models.

    Attributes
    ----------
    statistic : float
        Twice the difference of log-likelihoods.
    df : int
        Parameters that the larger model has in addition.
    p_value : float
    reference : {"chi-squared", "mixture", "parametric-bootstrap"}
        What the p-value rests on.
    method : {"reml", "ml"}
    log_likelihoods, n_parameters : tuple
        Of the smaller and the larger model.
    question : str
        What the test asks, in words.
    n_boot : int
        Bootstrap samples used; 0 without a bootstrap.
    n_failed : int
        Bootstrap samples in which a model did not converge; they are not used.
    seed : int or None
    notes : tuple of str
    """

    statistic = InState[float]()
    df = InState[int]()
    p_value = InState[float]()
    reference = InState[str]()
    method = InState[str]()
    log_likelihoods = InState[tuple[float, float]]()
    n_parameters = InState[tuple[int, int]]()
    question = InState[str]()
    n_boot = InState[int](0)
    n_failed = InState[int](0)
    seed = InState[int | None](None)

    def tidy(self) -> pd.DataFrame:
        """One row: ``term``, ``statistic``, ``df``, ``p_value``, ``reference``."""
        import pandas as pd

        row = {
            "term": self.question,
            "statistic": self.statistic,
            "df": self.df,
            "p_value": self.p_value,
            "reference": self.reference,
        }
        return pd.DataFrame([row])

    def glance(self) -> pd.DataFrame:
        """One row about both models: log-likelihoods, parameters, AIC, method, bootstrap samples."""
        import pandas as pd

        (low, high), (few, many) = self.log_likelihoods, self.n_parameters
        row: Mapping[str, Any] = {
            "log_likelihood_smaller": low,
            "log_likelihood_larger": high,
            "n_parameters_smaller": few,
            "n_parameters_larger": many,
            "aic_smaller": 2.0 * (few - low),
            "aic_larger": 2.0 * (many - high),
            "method": self.method,
            "n_boot": self.n_boot,
            "n_failed": self.n_failed,
        }
        return pd.DataFrame([row])

    def _headline(self) -> str:
        return f"Likelihood-ratio test: {self.question}"

    def _methods(self) -> str:
        how = {
            "chi-squared": "against the chi-squared distribution",
            "mixture": f"against the 50:50 mixture of chi-squared with {self.df - 1} and {self.df} degrees of freedom, "
            "because a variance is zero under the smaller model",
            "parametric-bootstrap": f"against {counted(self.n_boot, 'sample')} from the smaller model",
        }[self.reference]
        return (
            f"chi2({self.df}) = {self.statistic:.3f}, p {equals_p(self.p_value)}, {how}. Log-likelihoods "
            f"{self.log_likelihoods[0]:.3f} ({self.n_parameters[0]} parameters) and {self.log_likelihoods[1]:.3f} "
            f"({self.n_parameters[1]}), by {'restricted ' if self.method == 'reml' else ''}maximum likelihood."
        )


def compare(smaller: MixedResult, larger: MixedResult) -> ComparisonResult:
    """Test a model against a larger one that contains it.

    Parameters
    ----------
    smaller, larger : ApimResult or MixedResult
        Nested models of the same rows, estimated by the same method; under REML with the same fixed effects.

    Returns
    -------
    ComparisonResult
        For one added random effect the p-value is that of the 50:50 mixture of two chi-squareds; for several, or
        where the smaller model's random effects are singular, of the parametric bootstrap (``n_boot``, ``seed`` and
        ``n_jobs`` of the larger model's `Estimation`); else of the chi-squared distribution.

    Raises
    ------
    DesignError
        The models were fitted to different rows or by different methods, differ in fixed effects under REML, or are
        not nested.

    References
    ----------
    Stram and Lee (1994), Variance components testing in the longitudinal mixed effects model.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=30, n_occasions=6, actor=0.3, partner=0.2, seed=1).panel
    >>> ml = rd.Estimation(method="ml")
    >>> one = rd.apim(panel, outcome="y", predictors=[rd.shared("x")], estimation=ml)
    >>> two = rd.apim(panel, outcome="y", predictors=["x"], estimation=ml)
    >>> rd.compare(one, two).df
    4
    """
    for result in (smaller, larger):
        if not hasattr(result, "estimates"):
            raise DesignError(f"compare takes two fits of rd.apim or rd.mixed_model, not a {type(result).__name__}.")
    _check_comparable(smaller, larger)
    return likelihood_ratio(smaller, larger, "does the larger model fit better?")


def _check_comparable(smaller: MixedResult, larger: MixedResult) -> None:
    if {smaller.estimates.data, larger.estimates.data} != {"complete"}:
        raise DesignError(
            "a fit pooled over imputations, or of outcome and predictors jointly, has no likelihood to compare: test "
            "the difference with fit.contrast, or fit both with missing='available'."
        )
    first, second = smaller.design, larger.design
    if first.outcome != second.outcome:
        raise DesignError(
            f"the models explain different outcomes ({first.outcome!r} and {second.outcome!r}): likelihoods of "
            "different data cannot be compared."
        )
    same = len(first.rows) == len(second.rows) and np.array_equal(first.rows, second.rows)
    if not same or not np.array_equal(first.y, second.y):
        raise DesignError(
            f"the models were fitted to different rows ({len(first.rows):,} and {len(second.rows):,}), so their "
            "likelihoods cannot be compared: fit both to the rows that have every variable of the larger one."
        )
    if smaller.estimates.method != larger.estimates.method:
        raise DesignError(
            f"the smaller model was fitted by {smaller.estimates.method.upper()}, the larger by "
            f"{larger.estimates.method.upper()}: fit both by the same method."
        )
    X0, X1 = first.matrix(first.fixed), second.matrix(second.fixed)
    if smaller.estimates.method == "reml" and not _same_columns(X0, X1):
        raise DesignError(
            "the models differ in their fixed effects, and restricted likelihoods of different fixed effects cannot "
            "be compared: fit both with estimation=rd.Estimation(method='ml')."
        )
    if not _contains(X1, X0):
        raise DesignError(
            "the models are not nested: the larger one does not contain all fixed effects of the smaller one."
        )
    _check_row_terms(first, second, X1)


def _check_row_terms(first: DesignRows, second: DesignRows, X1: NDArray[np.float64]) -> None:
    """Both models must weigh rows alike, and a known term must be known in both or free in the larger."""
    zeros, ones = np.zeros(len(first.y)), np.ones(len(first.y))
    weights, others = (ones if design.weights is None else design.weights for design in (first, second))
    if not np.array_equal(weights, others):
        raise DesignError("the models are not nested: they have different prior weights. Fit both with the same ones.")
    offset, other = (zeros if design.offset is None else design.offset for design in (first, second))
    if not np.array_equal(offset, other) and not _contains(X1, (offset - other)[:, None]):
        raise DesignError(
            "the models are not nested: they have different offsets, and the larger one has no free coefficient for "
            "the difference. Fit both with the same offset, or enter that of the smaller as a covariate of the larger."
        )


def _same_columns(X0: NDArray[np.float64], X1: NDArray[np.float64]) -> bool:
    """Whether two designs have the same columns, in any order."""
    if X0.shape != X1.shape:
        return False
    return all(any(np.array_equal(own, other) for other in X1.T) for own in X0.T)


def _contains(X1: NDArray[np.float64], X0: NDArray[np.float64]) -> bool:
    """Whether the columns of X0 lie in the span of those of X1."""
    scale = np.linalg.norm(X1, axis=0)
    coefficients = np.linalg.lstsq(X1 / scale, X0, rcond=None)[0]
    left = np.linalg.norm(X0 - (X1 / scale) @ coefficients, axis=0)
    return bool(np.all(left <= 1e-7 * np.linalg.norm(X0, axis=0)))


def likelihood_ratio(smaller: MixedResult, larger: MixedResult, question: str) -> ComparisonResult:
    """Test of two models known to be comparable and nested."""
    few, many = (result.glance()["n_parameters"].item() for result in (smaller, larger))
    df = many - few
    gain = larger.log_likelihood - smaller.log_likelihood
    if df < 1 or gain < -SLACK:
        raise DesignError(
            f"the models are not nested in this order: the first has {few} parameters and log-likelihood "
            f"{smaller.log_likelihood:.4f}, the second {many} and {larger.log_likelihood:.4f}. Give the smaller first."
        )
    statistic = max(0.0, 2.0 * gain)
    notes = _convergence_notes(smaller, larger)
    reference = _reference(smaller, larger)
    parts: dict[str, Any] = {
        "statistic": statistic,
        "df": df,
        "reference": reference,
        "method": smaller.estimates.method,
        "log_likelihoods": (smaller.log_likelihood, larger.log_likelihood),
        "n_parameters": (few, many),
        "question": question,
        "notes": notes,
    }
    if reference == "parametric-bootstrap":
        return _bootstrapped(parts, smaller, larger)
    return ComparisonResult.of(p_value=_chi_squared(statistic, df, mixed=reference == "mixture"), **parts)


def _convergence_notes(smaller: MixedResult, larger: MixedResult) -> tuple[str, ...]:
    failed = [name for name, result in (("smaller", smaller), ("larger", larger)) if not result.converged]
    if not failed:
        return ()
    return (f"The {' and the '.join(failed)} model did not converge: the statistic is not to be trusted.",)


def _reference(smaller: MixedResult, larger: MixedResult) -> str:
    """Which distribution the statistic has when the smaller model is true."""
    added = len(larger.design.random) - len(smaller.design.random)
    noise = larger.setting.residual.measurement_error and not smaller.setting.residual.measurement_error
    if smaller.estimates.at_boundary or added > 1 or (noise and added) or _tied_pairs(smaller, larger):
        return "parametric-bootstrap"
    if noise:
        exchangeable = all(stratum.exchangeable for stratum in larger.design.strata)
        one = larger.setting.residual.equal_variances or exchangeable
        return "mixture" if one and len(larger.design.strata) == 1 else "parametric-bootstrap"
    return "mixture" if added == 1 else "chi-squared"


def _tied_pairs(smaller: MixedResult, larger: MixedResult) -> bool:
    """A common random effect set free per role adds one whose variance is zero under the smaller model."""
    common = {column.term.name for column in smaller.design.random if column.slot < 0}
    apart = {column.term.name for column in larger.design.random if column.slot >= 0}
    return bool(common & apart)


def _chi_squared(statistic: float, df: int, *, mixed: bool) -> float:
    from scipy.stats import chi2

    tail = float(chi2.sf(statistic, df))
    if not mixed:
        return tail
    # A chi-squared with 0 degrees of freedom is the point 0.
    lower = float(chi2.sf(statistic, df - 1)) if df > 1 else float(statistic <= 0.0)
    return 0.5 * (tail + lower)


def _bootstrapped(parts: dict[str, Any], smaller: MixedResult, larger: MixedResult) -> ComparisonResult:
    """The share of samples from the smaller model whose statistic is at least as large."""
    from reldyn.actor_partner.followup._bootstrap import bootstrap_statistics

    estimation = larger.setting.estimation
    found = bootstrap_statistics(smaller, larger, estimation)
    usable, failed = found.values[found.usable, 0], found.n_failed
    notes = parts.pop("notes")
    if failed:
        notes = (*notes, f"In {failed} of {len(found.values)} bootstrap samples a model did not converge; left out.")
    p_value = float(monte_carlo_p(parts["statistic"], usable))
    return ComparisonResult.of(
        p_value=p_value, n_boot=len(usable), n_failed=failed, seed=found.seed, notes=notes, **parts
    )
