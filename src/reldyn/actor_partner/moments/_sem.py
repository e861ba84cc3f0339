"""Small covariance-and-mean structures of two members' variables, by maximum likelihood.

Reticular action form (McArdle and McDonald, 1984): ``sigma = F B S B' F'``, ``mu = F B m`` with ``B`` the inverse of
``I - A``; ``A`` (v, v) holds directed paths, ``S`` (v, v) variances and covariances, ``m`` (v,) intercepts, and ``F``
keeps the observed variables. Arrays and labels only: which variable belongs to whom is known elsewhere. Entries that
share a label are one parameter, each with its own multiplier, so that equality and proportionality need no constraints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Ints
from reldyn.actor_partner.moments._moments import (
    Moments,
    deviance,
    independence_deviance,
    refuse_singular,
    saturated,
    saturated_deviance,
)
from reldyn.errors import DesignError

__all__ = [
    "Entry",
    "SemFit",
    "Structure",
    "covary",
    "fisher_scoring",
    "fit_structure",
    "intercept",
    "path",
]

# Newton decrement, in units of the deviance, below which an optimum counts as reached.
DECREMENT = 1e-9


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell of a model matrix: a labelled parameter times ``value``, or ``value`` alone where ``label`` is empty.

    Attributes
    ----------
    matrix : {"A", "S", "m"}
    to, source : str
        Row and column; ``source`` is empty for an intercept.
    label : str
    value : float
    """

    matrix: str
    to: str
    source: str
    label: str
    value: float = 1.0


def path(to: str, source: str, label: str = "", value: float = 1.0) -> Entry:
    """A directed path; fixed at ``value`` where it has no label."""
    return Entry("A", to, source, label, value)


def covary(first: str, second: str, label: str = "", value: float = 1.0) -> Entry:
    """A covariance, or a variance where both are the same variable."""
    return Entry("S", first, second, label, value)


def intercept(to: str, label: str = "", value: float = 1.0) -> Entry:
    """A mean, or the intercept of a variable that has paths towards it."""
    return Entry("m", to, "", label, value)


@brief
@dataclass(frozen=True)
class Structure:
    """A model: its observed variables in the order of the moments, latent ones, and the cells of its matrices."""

    observed: tuple[str, ...]
    entries: tuple[Entry, ...]
    latent: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Free parameters, in order of appearance."""
        return tuple(dict.fromkeys(entry.label for entry in self.entries if entry.label))

    @property
    def variables(self) -> tuple[str, ...]:
        """Observed, then latent."""
        return (*self.observed, *self.latent)

    def cells(self) -> list[tuple[str, int, int, int, float]]:
        """Matrix, row, column, parameter (-1: fixed) and multiplier of every entry."""
        place = {name: at for at, name in enumerate(self.variables)}
        number = {label: at for at, label in enumerate(self.labels)}
        return [
            (e.matrix, place[e.to], place[e.source] if e.source else 0, number.get(e.label, -1), e.value)
            for e in self.entries
        ]

    def matrices(self, theta: Array) -> tuple[Array, Array, Array]:
        """``A``, ``S`` and ``m`` at these parameters (complex ones give complex-step derivatives)."""
        size, kind = len(self.variables), np.asarray(theta).dtype
        A, S, m = np.zeros((size, size), kind), np.zeros((size, size), kind), np.zeros(size, kind)
        for matrix, row, column, parameter, multiplier in self.cells():
            value = multiplier * (theta[parameter] if parameter >= 0 else 1.0)
            if matrix == "A":
                A[row, column] = value
            elif matrix == "S":
                S[row, column] = S[column, row] = value
            else:
                m[row] = value
        return A, S, m

    def implied(self, theta: Array) -> tuple[Array, Array]:
        """Implied covariance (p, p) and mean (p,)."""
        A, S, m = self.matrices(theta)
        p = len(self.observed)
        B = np.linalg.inv(np.eye(len(A)) - A)[:p]
        return B @ S @ B.T, B @ m

    def derivatives(self, theta: Array) -> tuple[Array, Array]:
        """Derivatives of the implied covariance (k, p, p) and mean (k, p) by each parameter."""
        A, S, m = self.matrices(theta)
        p, k = len(self.observed), len(self.labels)
        whole = np.linalg.inv(np.eye(len(A)) - A)
        B, spread, level = whole[:p], whole @ S @ whole[:p].T, whole @ m
        cov, mean = np.zeros((k, p, p), A.dtype), np.zeros((k, p), A.dtype)
        for matrix, row, column, parameter, multiplier in self.cells():
            if parameter < 0:
                continue
            if matrix == "A":
                half = multiplier * np.outer(B[:, row], spread[column])
                cov[parameter] += half + half.T
                mean[parameter] += multiplier * B[:, row] * level[column]
            elif matrix == "S":
                half = multiplier * np.outer(B[:, row], B[:, column])
                cov[parameter] += half if row == column else half + half.T
            else:
                mean[parameter] += multiplier * B[:, row]
        return cov, mean


@brief
@dataclass(frozen=True)
class SemFit:
    """A fitted structure; k parameters.

    Attributes
    ----------
    structure : Structure
    moments : Moments
    theta : (k,) array
    cov : (k, k) array
        Inverse of the expected information; with incomplete dyads of the observed information, because the expected
        one assumes that values are missing completely at random.
    statistic, df : float, int
        Likelihood ratio against the saturated model.
    converged : bool
    """

    structure: Structure
    moments: Moments
    theta: Array
    cov: Array
    statistic: float
    df: int
    converged: bool

    def value(self, label: str) -> float:
        """Estimate of one parameter."""
        return float(self.theta[self.structure.labels.index(label)])

    def std_error(self, label: str) -> float:
        """Standard error of one parameter."""
        place = self.structure.labels.index(label)
        return float(np.sqrt(max(self.cov[place, place], 0.0)))

    def subset(self, labels: Sequence[str]) -> tuple[Array, Array]:
        """Estimates and covariance of some parameters."""
        places = [self.structure.labels.index(label) for label in labels]
        return self.theta[places], self.cov[np.ix_(places, places)]

    def indices(self) -> dict[str, float]:
        """Log-likelihood and indices of fit."""
        return fit_indices(self)


def discrepancy(structure: Structure, theta: Array, moments: Moments) -> float:
    """Deviance per dyad above the saturated model; infinite where the implied covariance is not positive definite."""
    cov, mean = structure.implied(theta)
    sign = np.linalg.slogdet(cov)[0]
    if sign <= 0 or np.linalg.eigvalsh(cov)[0] <= 0:
        return float("inf")
    return deviance(cov, mean, moments) - saturated_deviance(moments)


def gradient(structure: Structure, theta: Array, moments: Moments) -> Array:
    """Derivative of `discrepancy` (k,)."""
    cov, mean = structure.implied(theta)
    by_cov, by_mean = structure.derivatives(theta)
    weights, level = np.zeros_like(cov), np.zeros_like(mean)
    for part in moments.parts():
        own = np.ix_(part.index, part.index)
        inverse = np.linalg.inv(cov[own])
        away = part.mean - mean[part.index]
        share = part.n / moments.n
        weights[own] += share * (inverse @ (cov[own] - part.cov - np.outer(away, away)) @ inverse)
        level[part.index] += share * (inverse @ away)
    return np.asarray(np.einsum("ij,kji->k", weights, by_cov) - 2.0 * by_mean @ level)


def information(structure: Structure, theta: Array, moments: Moments | None = None) -> Array:
    """Expected second derivative of `discrepancy` (k, k), given what is observed; times n / 2 the information."""
    cov, _ = structure.implied(theta)
    by_cov, by_mean = structure.derivatives(theta)
    total = np.zeros((len(by_cov), len(by_cov)))
    for index, share in _shares(moments, len(cov)):
        inverse = np.linalg.inv(cov[np.ix_(index, index)])
        solved = np.einsum("ij,kjl->kil", inverse, by_cov[:, index][:, :, index])
        level = by_mean[:, index]
        total += share * (np.einsum("kij,lji->kl", solved, solved) + 2.0 * level @ inverse @ level.T)
    return total


def _shares(moments: Moments | None, p: int) -> list[tuple[Ints, float]]:
    """Which variables are observed together, and in what share of the dyads."""
    if moments is None:
        return [(np.arange(p), 1.0)]
    return [(part.index, part.n / moments.n) for part in moments.parts()]


def curvature(structure: Structure, theta: Array, moments: Moments) -> Array:
    """Second derivative of `discrepancy` (k, k), by complex steps through its gradient: exact to rounding."""
    step = 1e-30
    units = np.eye(len(theta))
    rows = [np.imag(gradient(structure, theta + 1j * step * unit, moments)) / step for unit in units]
    return 0.5 * (np.array(rows) + np.array(rows).T)


def fit_structure(structure: Structure, moments: Moments, start: Mapping[str, float] | None = None) -> SemFit:
    """Maximise the normal likelihood.

    Parameters
    ----------
    structure : Structure
    moments : Moments
    start : mapping of str to float, optional
        Starting values by label; paths otherwise start at 0, variances at a share of those observed.

    Raises
    ------
    DesignError
        The covariance of the observed variables is singular, or the parameters are not identified.
    """
    refuse_singular(moments, structure.observed)
    centre = _centre(structure, moments, start)
    if centre is None:
        return _fitted(structure, moments, start)
    # Intercepts far from zero are tied to slopes so closely that an optimum is hard to reach: take means off first.
    patterns = tuple(replace(part, mean=part.mean - centre[part.index]) for part in moments.patterns)
    fit = _fitted(structure, replace(moments, mean=moments.mean - centre, patterns=patterns), start)
    theta, jacobian = _with_means(structure, fit.theta, centre)
    return replace(fit, moments=moments, theta=theta, cov=jacobian @ fit.cov @ jacobian.T)


def _centre(structure: Structure, moments: Moments, start: Mapping[str, float] | None) -> Array | None:
    """Means of the variables (p,); None unless each has a free intercept of its own to take its mean up again."""
    owners = {entry.to: entry.label for entry in structure.entries if entry.matrix == "m" and entry.value == 1.0}
    labels = [owners.get(name, "") for name in structure.observed]
    levels = [entry for entry in structure.entries if entry.matrix == "m"]
    alone = all(labels) and len({*labels}) == len(labels) == len(levels)
    return moments.mean if alone and not structure.latent and not {*labels} & {*(start or {})} else None


def _with_means(structure: Structure, theta: Array, centre: Array) -> tuple[Array, Array]:
    """Estimates (k,) of variables that are not centred, and their derivatives (k, k) by those of centred ones."""
    A = structure.matrices(theta)[0]
    full, jacobian = theta.copy(), np.eye(len(theta))
    owner = {row: parameter for matrix, row, _, parameter, _ in structure.cells() if matrix == "m"}
    for row, parameter in owner.items():
        full[parameter] += centre[row] - A[row] @ centre
    for matrix, row, column, parameter, multiplier in structure.cells():
        if matrix == "A" and parameter >= 0:
            jacobian[owner[row], parameter] -= multiplier * centre[column]
    return full, jacobian


def _fitted(structure: Structure, moments: Moments, start: Mapping[str, float] | None) -> SemFit:
    from scipy import optimize

    first = _start(structure, moments, dict(start or {}))
    # Parameters in units of their own standard errors: the trust region then treats all alike.
    known = np.diag(information(structure, first, moments))
    scale = 1.0 / np.sqrt(np.where(known > 0, known, 1.0))

    def value(point: Array) -> float:
        return discrepancy(structure, first + scale * point, moments)

    def slope_of(point: Array) -> Array:
        return np.asarray(scale * gradient(structure, first + scale * point, moments))

    def scoring(point: Array) -> Array:
        return np.asarray(np.outer(scale, scale) * information(structure, first + scale * point, moments))

    found = optimize.minimize(
        value,
        np.zeros(len(first)),
        jac=slope_of,
        hess=scoring,
        method="trust-exact",
        # Tighter than this the discrepancy's own rounding shrinks the region for ever; scoring steps do the rest.
        options={"gtol": 1e-6, "maxiter": 500},
    )
    theta = _polished(structure, first + scale * found.x, moments, scale)
    info = _information_at(structure, theta, moments)
    if np.linalg.cond(np.outer(scale, scale) * info) > 1e14:
        raise DesignError("the parameters of this model are not identified by these data: leave out some paths.")
    slope = gradient(structure, theta, moments)
    decrement = moments.n * float(slope @ np.linalg.solve(info, slope))
    p = len(structure.observed)
    return SemFit(
        structure,
        moments,
        theta,
        np.linalg.inv(info) * 2.0 / moments.n,
        moments.n * max(discrepancy(structure, theta, moments), 0.0),
        p * (p + 3) // 2 - len(structure.labels),
        bool(0 <= decrement < DECREMENT),
    )


def fisher_scoring(structure: Structure, theta: Array, moments: Moments) -> Array:
    """Estimates by scoring steps from others nearby; NaN where the steps do not settle.

    Settled means within a hundred-thousandth of a standard error, enough for samples of a bootstrap.
    """
    for _ in range(100):
        info = information(structure, theta, moments)
        try:
            step = np.linalg.solve(info, gradient(structure, theta, moments))
        except np.linalg.LinAlgError:
            break
        theta = theta - step
        if not _proper(structure, theta):
            break
        if moments.n * float(step @ info @ step) < 1e-10 * len(theta):
            return theta
    return np.full_like(theta, np.nan)


def _proper(structure: Structure, theta: Array) -> bool:
    """Whether the implied covariance is positive definite."""
    cov = structure.implied(theta)[0]
    return bool(np.isfinite(cov).all()) and bool(np.linalg.eigvalsh(cov)[0] > 0)


def _polished(structure: Structure, theta: Array, moments: Moments, scale: Array) -> Array:
    """Scoring steps for as long as they bring the Newton decrement down, which knows no units."""
    # Incomplete dyads: the observed information costs as much as k gradients, and hardly changes this near.
    fixed = curvature(structure, theta, moments) if moments.patterns else None

    def step_from(point: Array) -> tuple[Array, float]:
        info = information(structure, point) if fixed is None else fixed
        slope = scale * gradient(structure, point, moments)
        step = np.linalg.lstsq(np.outer(scale, scale) * info, slope, rcond=None)[0]
        return scale * step, float(slope @ step)

    step, left = step_from(theta)
    for _ in range(30):
        nearer = theta - step
        if not np.isfinite(discrepancy(structure, nearer, moments)):
            return theta
        step, after = step_from(nearer)
        if abs(after) >= abs(left):
            return theta
        theta, left = nearer, after
    return theta


def _information_at(structure: Structure, theta: Array, moments: Moments) -> Array:
    """Expected information for complete dyads, else the observed one."""
    return curvature(structure, theta, moments) if moments.patterns else information(structure, theta)


def _start(structure: Structure, moments: Moments, given: Mapping[str, float]) -> Array:
    place = {name: at for at, name in enumerate(structure.observed)}
    spread = float(np.mean(np.diag(moments.cov)))
    theta = np.zeros(len(structure.labels))
    number = {label: at for at, label in enumerate(structure.labels)}
    for entry in structure.entries:
        if not entry.label:
            continue
        value = 0.0
        if entry.matrix == "S" and entry.to == entry.source:
            value = 0.6 * float(moments.cov[place[entry.to], place[entry.to]]) if entry.to in place else 0.4 * spread
        elif entry.matrix == "m" and entry.to in place:
            value = float(moments.mean[place[entry.to]])
        theta[number[entry.label]] = given.get(entry.label, value)
    return theta


def fit_indices(fit: SemFit) -> dict[str, float]:
    """Log-likelihood, information criteria, and indices of fit against independence (Bentler, 1990; Steiger, 1990)."""
    moments, k = fit.moments, len(fit.theta)
    n, p = moments.n, len(moments.mean)
    log_likelihood = saturated(moments) - 0.5 * fit.statistic
    null = n * (independence_deviance(moments) - saturated_deviance(moments))
    return {
        "log_likelihood": log_likelihood,
        "n_parameters": float(k),
        "aic": -2 * log_likelihood + 2 * k,
        "bic": -2 * log_likelihood + float(np.log(n)) * k,
        **comparative_indices(fit.statistic, fit.df, null, p * (p - 1) // 2, n),
        "srmr": _srmr(fit),
    }


def comparative_indices(statistic: float, df: int, null: float, null_df: int, n: float) -> dict[str, float]:
    """CFI, TLI and RMSEA of a chi-squared against that of a null model.

    Parameters
    ----------
    statistic, df, null, null_df : float, int, float, int
    n : float
        What RMSEA divides by: dyads, or dyads minus one.
    """
    excess, worst = max(statistic - df, 0.0), max(statistic - df, null - null_df, 0.0)
    out = {"cfi": 1.0 - excess / worst if worst > 0 else 1.0, "tli": 1.0, "rmsea": 0.0}
    if df > 0:
        ratio = null / null_df
        out["tli"] = (ratio - statistic / df) / (ratio - 1.0) if ratio != 1.0 else float("nan")
        out["rmsea"] = float(np.sqrt(excess / (df * n)))
    return out


def _srmr(fit: SemFit) -> float:
    """Standardised root mean squared residual, means included."""
    cov, mean = fit.structure.implied(fit.theta)
    sd = np.sqrt(np.diag(fit.moments.cov))
    apart = ((fit.moments.cov - cov) / np.outer(sd, sd))[np.tril_indices(len(sd))]
    level = (fit.moments.mean - mean) / sd
    return float(np.sqrt((apart @ apart + level @ level) / (len(apart) + len(level))))


def delta(function: Any, theta: Array, cov: Array) -> tuple[Array, Array]:
    """Values of a smooth function of the estimates and their covariance, by the delta method.

    Derivatives are complex-step, exact to rounding: ``function`` must be built of arithmetic.
    """
    step = 1e-30
    columns = [np.imag(function(theta + 1j * step * unit)) / step for unit in np.eye(len(theta))]
    jacobian = np.column_stack(columns)
    return np.real(function(theta.astype(complex))), jacobian @ cov @ jacobian.T
