"""The result of a fitted hidden Markov model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from reldyn._format import counted
from reldyn._types import Array
from reldyn.results import InState, Result

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.results import Section


class HMMResult(Result):
    """A hidden Markov (or semi-Markov) model fitted to many series.

    States are ordered by the mean of the first channel, lowest first.

    Attributes
    ----------
    log_likelihood : float
        Of the best start, at all answers in their own units; with lags, conditional on the first occasions.
    means : ndarray (states, channels)
        Mean in each state where covariates are 0 and lagged values lie at `lag_centre`; for ordered outcomes
        the mean of the latent variable.
    covariances : ndarray (states, channels, channels)
        Of the innovations; repeated if shared.
    transition : ndarray (states, states)
        Probability of moving from row to column; under negative-binomial sojourns the visit that follows, with
        zeros on the diagonal.
    initial : ndarray (states,)
    posterior : tuple of ndarray (occasions, states)
        State probabilities given the whole series, one array per series.
    optima : ndarray (starts,)
        Log-likelihood that every start reached.
    lag_coefficients : ndarray (kinds, lags, channels, channels)
        Effect of the column's past on the row.
    lag_centre : ndarray (channels,)
        The channel means that lagged values are measured from.
    covariate_coefficients : ndarray (channels, covariates)
    skewness : ndarray (states, channels) or None
        Delta of skew-t innovations; positive where large positive shocks are the common ones.
    df : float or None
    thresholds : tuple of ndarray or None
        Cuts between the categories of each channel; their mean is zero.
    duration_mean, duration_size : ndarray (states,) or None
        Mean sojourn in occasions and size of the negative binomial (1 is geometric, larger more regular).
    categories : tuple of ndarray or None
        The values of each channel that were read as ordered categories.
    emission, covariance, duration : str
    n_series, n_occasions, n_obs, n_parameters : int
        ``n_obs`` counts single answers that entered the likelihood.
    n_iterations : int
    converged : bool
    seed : int or None
        Entropy of the seed behind the starts; None where a start was given.
    notes : tuple of str
    shares : ndarray (states,), optional
        Of all occasions, per state, where the posterior itself was not saved.
    """

    log_likelihood = InState[float]()
    means = InState[Array]()
    covariances = InState[Array]()
    transition = InState[Array]()
    initial = InState[Array]()
    posterior = InState[tuple[Array, ...]]()
    optima = InState[Array]()
    lag_coefficients = InState[Array]()
    lag_centre = InState[Array]()
    covariate_coefficients = InState[Array]()
    skewness = InState[Array | None]()
    df = InState[float | None]()
    thresholds = InState[tuple[Array, ...] | None]()
    duration_mean = InState[Array | None]()
    duration_size = InState[Array | None]()
    categories = InState[tuple[Array, ...] | None]()
    emission = InState[str]()
    covariance = InState[str]()
    duration = InState[str]()
    n_series = InState[int]()
    n_occasions = InState[int]()
    n_obs = InState[int]()
    n_parameters = InState[int]()
    n_iterations = InState[int]()
    converged = InState[bool]()
    seed = InState[int | None]()
    shares = InState[Array | None](None)

    row_fields: ClassVar[tuple[str, ...]] = ("posterior",)

    @property
    def n_states(self) -> int:
        """How many states the model has."""
        return len(self.initial)

    @property
    def aic(self) -> float:
        """Akaike's criterion; no test of how many states there are (see `summary`)."""
        return -2.0 * self.log_likelihood + 2.0 * self.n_parameters

    @property
    def bic(self) -> float:
        """Schwarz's criterion over occasions; no test of how many states there are (see `summary`)."""
        return -2.0 * self.log_likelihood + float(np.log(self.n_occasions)) * self.n_parameters

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name, as ``start`` of `fit_hmm` and `hmm_log_likelihood` take them."""
        names = (
            "initial",
            "transition",
            "means",
            "covariances",
            "lag_coefficients",
            "lag_centre",
            "covariate_coefficients",
            "skewness",
            "df",
            "thresholds",
            "duration_mean",
            "duration_size",
            "categories",
        )
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def tidy(self) -> pd.DataFrame:
        """One row per parameter.

        Returns
        -------
        pandas.DataFrame
            ``term`` (unique), ``parameter``, ``state``, ``to_state``, ``channel``, ``other`` (the second channel,
            covariate or threshold) and ``estimate``; positions count from 0. There are no standard errors:
            at the number of cycles usual in such data the likelihood is far from quadratic, and intervals
            come from bootstrap refits.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        self._state_rows(rows)
        self._channel_rows(rows)
        frame = pd.DataFrame(rows, columns=["term", "parameter", "state", "to_state", "channel", "other", "estimate"])
        return frame.astype(dict.fromkeys(("state", "to_state", "channel", "other"), "Int64"))

    def _state_rows(self, rows: list[dict[str, Any]]) -> None:
        for k in range(self.n_states):
            rows.append(_row("initial", self.initial[k], state=k))
        for k in range(self.n_states):
            for j in range(self.n_states):
                rows.append(_row("transition", self.transition[k, j], state=k, to_state=j))
        for name in ("duration_mean", "duration_size"):
            values = getattr(self, name)
            if values is not None:
                rows.extend(_row(name, values[k], state=k) for k in range(self.n_states))

    def _channel_rows(self, rows: list[dict[str, Any]]) -> None:
        n_channels = self.means.shape[1]
        states = range(self.n_states if self.covariance == "separate" else 1)
        for k in range(self.n_states):
            rows.extend(_row("mean", self.means[k, c], state=k, channel=c) for c in range(n_channels))
        if self.thresholds is not None:
            for c, cuts in enumerate(self.thresholds):
                rows.extend(_row("threshold", cut, channel=c, other=i) for i, cut in enumerate(cuts))
        else:
            for k in states:
                for c in range(n_channels):
                    for d in range(c + 1):
                        state = k if self.covariance == "separate" else None
                        rows.append(_row("covariance", self.covariances[k, c, d], state=state, channel=c, other=d))
        for kind, lag, c, d in np.ndindex(self.lag_coefficients.shape):
            row = _row("lag", self.lag_coefficients[kind, lag, c, d], channel=c, other=d)
            rows.append({**row, "term": f"lag {lag + 1} of kind {kind} to channel {c} from channel {d}"})
        for c, x in np.ndindex(self.covariate_coefficients.shape):
            rows.append(_row("covariate", self.covariate_coefficients[c, x], channel=c, other=x))
        if self.skewness is not None:
            for k in states:
                state = k if self.covariance == "separate" else None
                rows.extend(_row("skewness", self.skewness[k, c], state=state, channel=c) for c in range(n_channels))
            rows.append(_row("df", self.df))

    def glance(self) -> pd.DataFrame:
        """One row that describes the whole fit, with the spread of the optima."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "n_series": self.n_series,
                    "n_occasions": self.n_occasions,
                    "n_obs": self.n_obs,
                    "n_states": self.n_states,
                    "n_parameters": self.n_parameters,
                    "log_likelihood": self.log_likelihood,
                    "aic": self.aic,
                    "bic": self.bic,
                    "n_starts": len(self.optima),
                    "n_at_best": self._n_at_best(),
                    "worst_optimum": float(self.optima.min()),
                    "n_iterations": self.n_iterations,
                    "converged": self.converged,
                }
            ]
        )

    def _n_at_best(self) -> int:
        return int((self.optima >= self.optima.max() - 1e-3 * (1.0 + abs(self.optima.max()) * 1e-3)).sum())

    def _shares(self) -> Array:
        return np.concatenate(self.posterior).mean(axis=0) if self.shares is None else self.shares

    def _without_rows(self) -> Self:
        return self.with_parts(shares=self._shares())

    def _headline(self) -> str:
        chain = "semi-Markov" if self.duration != "geometric" else "Markov"
        kind = {"gaussian": "Gaussian", "skew-t": "skew-t", "ordered-probit": "ordered-probit"}[self.emission]
        return (
            f"Hidden {chain} model: {counted(self.n_states, 'state')}, {kind} emissions, {self.n_series} series, "
            f"{counted(self.n_occasions, 'occasion')} with an answer"
        )

    def _methods(self) -> str:
        stopped = "" if self.converged else "NOT CONVERGED: the estimates are where the search stopped. "
        reached = (
            f"{self._n_at_best()} of {len(self.optima)} starts reached it, the worst ended at {self.optima.min():.3f}"
            if len(self.optima) > 1
            else "reached from one start"
        )
        return f"{stopped}Log-likelihood {self.log_likelihood:.3f}, {self.n_parameters} parameters; {reached}."

    def _sections(self) -> Iterable[Section]:
        for k in range(self.n_states):
            means = ", ".join(f"{value:.3f}" for value in self.means[k])
            stay = (
                f"stays with probability {self.transition[k, k]:.3f}"
                if self.duration_mean is None
                else f"lasts {self.duration_mean[k]:.2f} occasions on average"
            )
            yield f"State {k}: mean {means}; {stay}; {float(self._shares()[k]):.0%} of occasions."
        yield (
            "A better likelihood or BIC with more states is no evidence of states: ordinary autocorrelation buys "
            "them as well."
        )


def _row(parameter: str, estimate: Any, **where: int | None) -> dict[str, Any]:
    words = {"state": "state", "to_state": "to state", "channel": "channel", "other": "other"}
    said = " ".join(f"{words[name]} {value}" for name, value in where.items() if value is not None)
    return {
        "term": f"{parameter} {said}".strip(),
        "parameter": parameter,
        "state": where.get("state"),
        "to_state": where.get("to_state"),
        "channel": where.get("channel"),
        "other": where.get("other"),
        "estimate": float(estimate),
    }
