"""M-step of Gaussian and skew-t emissions: one weighted regression, exact under any pattern of missing channels.

Missing channels of an occasion enter by their conditional moments given the observed ones (Dempster, Laird and
Rubin 1977); the skewing and mixing variables of skew-t innovations by theirs (Lin 2010; Lee and McLachlan
2014), its degrees of freedom by the maximum of the expected log density itself (an ECME step, Liu and Rubin
1994). With separate covariances and shared slopes the step is conditional on the previous covariances (ECM,
Meng and Rubin 1993). Every step raises the likelihood.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reldyn._types import Array
from reldyn.markov.hmm._density import SMALLEST, Tilt, log_density, pick, skewed_cover, whiten
from reldyn.markov.hmm._parameters import MAX_DF, MIN_DF, Design, Parameters
from reldyn.markov.hmm._problem import Problem
from reldyn.markov.hmm._recursions import Expected, Moments


def location_step(
    problem: Problem, design: Design, p: Parameters, expected: Expected, regressors: Array, features: Array | None
) -> Parameters:
    """Return parameters whose expected log density is not smaller."""
    weights = expected.posterior.reshape(*expected.posterior.shape[:2], -1)
    skewed = design.emission == "skew-t"
    if expected.moments is not None:
        moments, residual = expected.moments, False
    elif features is not None:
        moments, residual = _fast_moments(problem, weights, features), False
    else:
        moments, residual = _general_moments(problem, p, weights, regressors, skewed), True
    step = _solve_shared(moments) if design.covariance == "shared" else _solve_separate(moments, p, skewed)
    spread = _spread(problem, design, moments, step, p)
    states = np.arange(design.n_states)
    located = replace(
        p,
        location=step[:, :, 0] + (p.location if residual else 0.0),
        coefficients=step[:, states[0], 1 : 1 + problem.n_regressors] + (p.coefficients if residual else 0.0),
        spread=spread,
        skew=step[:, :, -1] if skewed else p.skew,
    )
    return _step_df(problem, design, located, weights, regressors) if skewed else located


def fast_features(problem: Problem, regressors: Array) -> Array:
    """Return all products of (1, regressors, outcomes), (products, rows), zero where unused."""
    rows = problem.used.ravel().astype(float)
    z = np.concatenate([rows[None], regressors[0] * rows, problem.y.reshape(problem.n_channels, -1) * rows])
    upper = np.triu_indices(len(z))
    return np.ascontiguousarray(z[upper[0]] * z[upper[1]])


def _fast_moments(problem: Problem, weights: Array, features: Array) -> Moments:
    s, k, _ = weights.shape
    f = 1 + problem.n_regressors
    size = f + problem.n_channels
    flat = weights.reshape(s * k, -1) @ features.T
    full = np.zeros((s, k, size, size))
    rows, columns = np.triu_indices(size)
    full[:, :, rows, columns] = flat.reshape(s, k, -1)
    full[:, :, columns, rows] = flat.reshape(s, k, -1)
    return Moments(full[:, :, :f, :f], full[:, :, :f, f:], full[:, :, f:, f:], full[:, :, 0, 0])


def _general_moments(problem: Problem, p: Parameters, weights: Array, regressors: Array, skewed: bool) -> Moments:
    s, k, _ = weights.shape
    c, q = problem.n_channels, problem.n_regressors
    f = 1 + q + int(skewed)
    total = Moments(np.zeros((s, k, f, f)), np.zeros((s, k, f, c)), np.zeros((s, k, c, c)), np.zeros((s, k)))
    cover = skewed_cover(p) if skewed else p.spread
    for channels, rows in problem.patterns:
        share = pick(weights, rows)
        white = whiten(problem, p, cover, channels, rows, regressors)
        mixing = _mixing(Tilt.of(p, white, channels)) if skewed else None
        z = np.concatenate([np.ones((len(regressors), 1, len(rows))), pick(regressors, rows)], axis=1)[:, None]
        _add_pattern(total, p, channels, share, white.residual, mixing, z)
    return total


def _mixing(tilt: Tilt) -> tuple[Array, Array, Array]:
    """Expected w, w u and w u^2 given the residuals, each (starts, states, rows)."""
    from scipy.special import gammaln, stdtr

    df, n = tilt.df, tilt.n
    base = np.maximum(stdtr(df + n, tilt.argument), SMALLEST)
    raised = stdtr(df + n + 2.0, tilt.argument * np.sqrt((df + n + 2.0) / (df + n)))
    w = (df + n) / (df + tilt.squares) * raised / base
    direct = np.square(tilt.eta / tilt.s[..., None])
    log_kappa = (
        gammaln((df + n + 1.0) / 2.0)
        - gammaln((df + n) / 2.0)
        - 0.5 * np.log(2.0 * np.pi)
        + 0.5 * (df + n + 1.0) * np.log(2.0 / (df + tilt.squares + direct))
        - 0.5 * (df + n) * np.log(2.0 / (df + tilt.squares))
    )
    kappa = tilt.s[..., None] * np.exp(log_kappa) / base
    wu = tilt.eta * w + kappa
    return w, wu, np.square(tilt.eta) * w + np.square(tilt.s)[..., None] + tilt.eta * kappa


def _add_pattern(
    total: Moments,
    p: Parameters,
    channels: tuple[int, ...],
    share: Array,
    residual: Array,
    mixing: tuple[Array, Array, Array] | None,
    z: Array,
) -> None:
    direct, through, extra = _completed(p, channels, residual)
    w = share if mixing is None else share * mixing[0]
    q = z.shape[2]
    a_w = direct * w[:, :, None]
    total.count[:] += share.sum(-1)
    total.zz[:, :, :q, :q] += np.matmul(z * w[:, :, None], z.swapaxes(2, 3))
    total.zr[:, :, :q] += np.matmul(z, a_w.swapaxes(2, 3))
    total.rr[:] += np.matmul(a_w, direct.swapaxes(2, 3)) + extra * share.sum(-1)[..., None, None]
    if mixing is None:
        return
    wu, wuu = share * mixing[1], share * mixing[2]
    z_u = np.matmul(z, wu[..., None])[..., 0]
    a_u = np.matmul(direct, wu[..., None])[..., 0]
    u_u = wuu.sum(-1)
    total.zz[:, :, :q, q] += z_u
    total.zz[:, :, q, :q] += z_u
    total.zz[:, :, q, q] += u_u
    total.zr[:, :, :q] += z_u[..., None] * through[:, :, None]
    total.zr[:, :, q] += a_u + through * u_u[..., None]
    cross = a_u[..., None] * through[:, :, None]
    outer = through[..., None] * through[:, :, None]
    total.rr[:] += cross + cross.swapaxes(2, 3) + outer * u_u[..., None, None]


def _completed(p: Parameters, channels: tuple[int, ...], residual: Array) -> tuple[Array, Array, Array]:
    """Residuals with missing channels expected: a fixed part, what moves with the skewing variable, the rest."""
    s, k, _, m = residual.shape
    c = p.location.shape[2]
    extra, through = np.zeros((s, k, c, c)), np.zeros((s, k, c))
    if len(channels) == c:
        return residual, through, extra
    answered, lost = list(channels), [i for i in range(c) if i not in channels]
    across = p.spread[:, :, lost][..., answered]
    gain = np.matmul(across, np.linalg.inv(p.spread[:, :, answered][..., answered]))
    direct = np.empty((s, k, c, m))
    direct[:, :, answered] = residual
    direct[:, :, lost] = np.matmul(gain, residual)
    through[:, :, lost] = p.skew[:, :, lost] - np.matmul(gain, p.skew[:, :, answered, None])[..., 0]
    extra[:, :, np.array(lost)[:, None], lost] = p.spread[:, :, lost][..., lost] - np.matmul(
        gain, across.swapaxes(2, 3)
    )
    return direct, through, extra


def _solve_shared(moments: Moments) -> Array:
    """Regress on one intercept per state and common slopes; return (starts, states, f, channels)."""
    s, k, f, c = moments.zr.shape
    out = np.empty((s, k, f, c))
    if f == 1:
        out[:, :, 0] = moments.zr[:, :, 0] / np.maximum(moments.zz[:, :, 0], SMALLEST)
        return out
    left, right = np.zeros((s, k + f - 1, k + f - 1)), np.zeros((s, k + f - 1, c))
    for state in range(k):
        zz = moments.zz[:, state]
        left[:, state, state] = np.maximum(zz[:, 0, 0], SMALLEST)
        left[:, state, k:] = zz[:, 0, 1:]
        left[:, k:, state] = zz[:, 1:, 0]
        left[:, k:, k:] += zz[:, 1:, 1:]
        right[:, state] = moments.zr[:, state, 0]
        right[:, k:] += moments.zr[:, state, 1:]
    solution = _solve(left, right)
    out[:, :, 0] = solution[:, :k]
    out[:, :, 1:] = solution[:, None, k:]
    return out


def _solve_separate(moments: Moments, p: Parameters, skewed: bool) -> Array:
    """Regress with each state's own covariance (of the step before) as weight; skewness is the state's own."""
    s, k, f, c = moments.zr.shape
    q = f - 1 - int(skewed)
    if q == 0:
        floor = SMALLEST * np.eye(f)
        flat = _solve((moments.zz + floor).reshape(s * k, f, f), moments.zr.reshape(s * k, f, c))
        return flat.reshape(s, k, f, c)
    own = [0, f - 1] if skewed else [0]
    common = list(range(1, 1 + q))
    size = (k * len(own) + q) * c
    left, right = np.zeros((s, size, size)), np.zeros((s, size))
    for state in range(k):
        inverse = np.linalg.inv(p.spread[:, state])
        places = np.concatenate([np.arange(len(own)) + state * len(own), k * len(own) + np.arange(q)])
        index = (places[:, None] * c + np.arange(c)).ravel()
        order = own + common
        zz = moments.zz[:, state][:, order][:, :, order]
        left[:, index[:, None], index] += np.einsum("sij,scd->sicjd", zz, inverse).reshape(s, len(index), -1)
        right[:, index] += np.matmul(moments.zr[:, state][:, order], inverse).reshape(s, -1)
    solution = _solve(left, right[..., None]).reshape(s, -1, c)
    out = np.empty((s, k, f, c))
    for state in range(k):
        out[:, state, own] = solution[:, state * len(own) : (state + 1) * len(own)]
        out[:, state, common] = solution[:, k * len(own) :]
    return out


def _solve(left: Array, right: Array) -> Array:
    """Solve symmetric systems; a state without weight gets the solution of least norm."""
    scale = np.sqrt(np.maximum(np.diagonal(left, axis1=1, axis2=2), SMALLEST))
    scaled = left / scale[:, :, None] / scale[:, None, :]
    try:
        solution = np.linalg.solve(scaled, right / scale[..., None])
        if np.isfinite(solution).all():
            return np.asarray(solution / scale[..., None])
    except np.linalg.LinAlgError:
        pass
    return np.asarray(np.matmul(np.linalg.pinv(scaled, hermitian=True), right / scale[..., None]) / scale[..., None])


def _spread(problem: Problem, design: Design, moments: Moments, step: Array, p: Parameters) -> Array:
    turned = step.swapaxes(2, 3)
    across = np.matmul(turned, moments.zr)
    rest = moments.rr - across - across.swapaxes(2, 3) + np.matmul(np.matmul(turned, moments.zz), step)
    count = moments.count
    if design.covariance == "shared":
        pooled = rest.sum(1) / count.sum(1)[:, None, None]
        spread = np.repeat(floored(pooled, problem.floor)[:, None], rest.shape[1], axis=1)
        return np.ascontiguousarray(spread)
    empty = count < 1e-8
    own = rest / np.where(empty, 1.0, count)[..., None, None]
    own = np.where(empty[..., None, None], p.spread, own)
    return floored(own, problem.floor)


def floored(spread: Array, floor: Array) -> Array:
    """Return the covariance of largest likelihood among those not below the floor in any direction."""
    root = np.sqrt(floor)
    scaled = spread / np.outer(root, root)
    scaled = 0.5 * (scaled + scaled.swapaxes(-1, -2))
    values, vectors = np.linalg.eigh(scaled)
    whole = np.asarray((values >= 1.0).all(axis=-1))
    if whole.all():
        return np.asarray(0.5 * (spread + spread.swapaxes(-1, -2)))
    lifted = np.matmul(vectors * np.maximum(values, 1.0)[..., None, :], vectors.swapaxes(-1, -2))
    return np.asarray(np.where(whole[..., None, None], scaled, lifted) * np.outer(root, root))


def _step_df(problem: Problem, design: Design, p: Parameters, weights: Array, regressors: Array) -> Parameters:
    """Move the degrees of freedom to the best of a few neighbours on the logarithmic scale."""

    def value(df: Array) -> Array:
        dense = log_density(problem, design, replace(p, df=df), regressors).reshape(weights.shape)
        used = problem.used.ravel()
        return np.asarray((dense * weights * used).sum((1, 2)))

    low, high = np.log(MIN_DF), np.log(MAX_DF)
    best_df, best = p.df.copy(), value(p.df)
    here = np.log(p.df)
    width = 0.05
    up, down = value(np.exp(np.clip(here + width, low, high))), value(np.exp(np.clip(here - width, low, high)))
    curve, slope = (up - 2.0 * best + down) / width**2, (up - down) / (2.0 * width)
    newton = np.where(curve < 0, -slope / np.minimum(curve, -1e-12), np.sign(slope) * 0.5)
    for move in (np.clip(newton, -0.7, 0.7), np.clip(newton, -0.7, 0.7) / 4.0):
        trial = np.exp(np.clip(here + move, low, high))
        found = value(trial)
        better = found > best
        best_df, best = np.where(better, trial, best_df), np.where(better, found, best)
    return replace(p, df=best_df)
