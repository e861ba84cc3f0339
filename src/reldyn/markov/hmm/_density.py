"""Log densities of the emissions, for all starts, states and occasions; missing channels are integrated out.

Skew-t innovations are those of Azzalini and Capitanio (2003) in their latent form: with w ~ Gamma(df/2, df/2)
and z, e standard normal, the innovation is Delta |z| / sqrt(w) + Psi^(1/2) e / sqrt(w). A subset of channels
then has the same law with the rows of Delta and Psi left out. Ordered categories are cut from a latent normal
variable of unit variance (McKelvey and Zavoina 1975); given the state, channels are independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Ints
from reldyn.markov.hmm._parameters import Design, Parameters
from reldyn.markov.hmm._problem import Problem

LOG_2PI = float(np.log(2.0 * np.pi))
SMALLEST = 1e-300


@dataclass(frozen=True, slots=True)
class Whitened:
    """Residuals of one pattern of channels.

    Attributes
    ----------
    residual, z : (starts, states, channels of the pattern, rows)
        As they are, and whitened.
    root_inverse : (starts, states, channels of the pattern, channels of the pattern)
    log_det : (starts, states)
        Logarithm of the determinant of ``root_inverse``.
    """

    residual: Array
    z: Array
    root_inverse: Array
    log_det: Array


def log_density(problem: Problem, design: Design, p: Parameters, regressors: Array) -> Array:
    """Return (starts, states, occasions, series); 0 where nothing is used.

    ``regressors`` are (1 or starts, regressors, rows), rows occasion-major.
    """
    shape = (p.n_starts, design.n_states, problem.n_occasions, problem.n_series)
    out = np.zeros((*shape[:2], shape[2] * shape[3]))
    for channels, rows in problem.patterns:
        if design.emission == "ordered-probit":
            values = _probit_rows(problem, p, channels, rows, regressors)
        else:
            values = _location_rows(problem, design, p, channels, rows, regressors)
        if len(rows) == out.shape[2]:
            out = values
        else:
            out[:, :, rows] = values
    return np.asarray(out.reshape(shape))


def pick(array: Array, rows: Ints) -> Array:
    """Take rows of the last axis, without a copy if they are all of them."""
    return array if len(rows) == array.shape[-1] else array[..., rows]


def slopes(p: Parameters, regressors: Array, channels: tuple[int, ...]) -> Array:
    """Return what lags and covariates add, (starts, channels, rows)."""
    return np.asarray(np.matmul(p.coefficients[:, :, list(channels)].swapaxes(1, 2), regressors))


def whiten(
    problem: Problem, p: Parameters, cover: Array, channels: tuple[int, ...], rows: Ints, regressors: Array
) -> Whitened:
    """Subtract locations and slopes and multiply by the inverse root of ``cover``."""
    some = list(channels)
    y = pick(problem.y.reshape(problem.n_channels, -1), rows)[some]
    if p.coefficients.shape[1]:
        residual = (y - slopes(p, pick(regressors, rows), channels))[:, None] - p.location[:, :, some, None]
    else:
        residual = y - p.location[:, :, some, None]
    root_inverse = np.linalg.inv(np.linalg.cholesky(cover[:, :, some][..., some]))
    log_det = np.log(np.diagonal(root_inverse, axis1=2, axis2=3)).sum(-1)
    return Whitened(residual, _triangular_product(root_inverse, residual), root_inverse, log_det)


def _triangular_product(root: Array, residual: Array) -> Array:
    if residual.shape[2] > 4:
        return np.asarray(np.matmul(root, residual))
    z = np.empty_like(residual)
    for i in range(residual.shape[2]):
        np.multiply(residual[:, :, i], root[:, :, i, i, None], out=z[:, :, i])
        for j in range(i):
            z[:, :, i] += residual[:, :, j] * root[:, :, i, j, None]
    return z


def _location_rows(
    problem: Problem, design: Design, p: Parameters, channels: tuple[int, ...], rows: Ints, regressors: Array
) -> Array:
    if design.emission == "gaussian":
        white = whiten(problem, p, p.spread, channels, rows, regressors)
        return gaussian_log(white, len(channels))
    white = whiten(problem, p, skewed_cover(p), channels, rows, regressors)
    tilt = Tilt.of(p, white, channels)
    return tilt.log_density(white)


def gaussian_log(white: Whitened, n: int) -> Array:
    """Log density of whitened Gaussian residuals."""
    out = np.square(white.z[:, :, 0])
    for i in range(1, n):
        out += np.square(white.z[:, :, i])
    out *= -0.5
    out += (white.log_det - 0.5 * n * LOG_2PI)[..., None]
    return out


def skewed_cover(p: Parameters) -> Array:
    """Psi + Delta Delta'."""
    return p.spread + p.skew[:, :, :, None] * p.skew[:, :, None, :]


@dataclass(frozen=True, slots=True)
class Tilt:
    """What skewness adds: location ``eta`` and scale ``s`` of the skewing variable, and the argument ``a``.

    Attributes
    ----------
    eta, squares, argument : (starts, states, rows)
    s : (starts, states)
    df : (starts, 1, 1)
    n : int
        Channels of the pattern.
    """

    eta: Array
    squares: Array
    argument: Array
    s: Array
    df: Array
    n: int

    @classmethod
    def of(cls, p: Parameters, white: Whitened, channels: tuple[int, ...]) -> Tilt:
        direction = np.matmul(white.root_inverse, p.skew[:, :, list(channels), None])
        eta = (direction * white.z).sum(2)
        s = np.sqrt(np.maximum(1.0 - np.square(direction[..., 0]).sum(-1), 1e-12))
        df, n = p.df[:, None, None], len(channels)
        squares = np.square(white.z).sum(2)
        return cls(eta, squares, eta / s[..., None] * np.sqrt((df + n) / (df + squares)), s, df, n)

    def log_density(self, white: Whitened) -> Array:
        """2 t(residual; df) T(argument; df + channels), in logarithms."""
        from scipy.special import gammaln, stdtr

        df, n = self.df, self.n
        constant = gammaln((df + n) / 2.0) - gammaln(df / 2.0) - 0.5 * n * np.log(np.pi * df) + np.log(2.0)
        body = -0.5 * (df + n) * np.log1p(self.squares / df)
        tail = np.log(np.maximum(stdtr(df + n, self.argument), SMALLEST))
        return np.asarray(constant + white.log_det[..., None] + body + tail)


def probit_bounds(problem: Problem, p: Parameters, channel: int) -> tuple[Array, Array]:
    """Return the upper and lower cut of every category, (starts, categories); infinite at the ends."""
    cuts = len(problem.categories[channel]) - 1
    inner = p.thresholds[:, channel, :cuts]
    infinite = np.full((p.n_starts, 1), np.inf)
    return np.concatenate([inner, infinite], axis=1), np.concatenate([-infinite, inner], axis=1)


def interval_probability(upper: Array, lower: Array) -> Array:
    """Normal probability between two bounds, accurate in both tails."""
    from scipy.special import ndtr

    flip = lower > 0
    high, low = np.where(flip, -lower, upper), np.where(flip, -upper, lower)
    return np.asarray(np.maximum(ndtr(high) - ndtr(low), SMALLEST))


def _probit_rows(problem: Problem, p: Parameters, channels: tuple[int, ...], rows: Ints, regressors: Array) -> Array:
    out = np.zeros((p.n_starts, p.location.shape[1], len(rows)))
    for channel in channels:
        upper, lower = probit_bounds(problem, p, channel)
        answer = pick(problem.y[channel].ravel(), rows).astype(np.int64)
        location = p.location[:, :, channel]
        if p.coefficients.shape[1] == 0:
            table = interval_probability(upper[:, None] - location[..., None], lower[:, None] - location[..., None])
            out += np.log(table)[:, :, answer]
        else:
            shift = location[..., None] + slopes(p, pick(regressors, rows), (channel,))
            out += np.log(interval_probability(upper[:, None, answer] - shift, lower[:, None, answer] - shift))
    return out
