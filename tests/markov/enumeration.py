"""The likelihood by summing over every path of states: slow, short, and independent of the package."""

import itertools

import numpy as np
from scipy import integrate, stats

OLDEST = 48


def gaussian(y, mean, law):
    seen = ~np.isnan(y)
    if not seen.any():
        return 1.0
    return stats.multivariate_normal(mean[seen], law["covariance"][np.ix_(seen, seen)]).pdf(y[seen])


def skew_t(y, mean, law):
    """Azzalini and Capitanio's density at the location ``mean``; missing channels are integrated numerically."""
    seen = ~np.isnan(y)
    if not seen.any():
        return 1.0
    if seen.all():
        return _skew_t_density(y - mean, law["psi"], law["delta"], law["df"])
    lost = int(np.flatnonzero(~seen)[0])

    def whole(value):
        full = y.copy()
        full[lost] = value
        return _skew_t_density(full - mean, law["psi"], law["delta"], law["df"])

    return integrate.quad(whole, -np.inf, np.inf, epsabs=1e-13, epsrel=1e-12, limit=400)[0]


def _skew_t_density(residual, psi, delta, df):
    omega = psi + np.outer(delta, delta)
    inverse = np.linalg.inv(omega)
    n = len(residual)
    square = residual @ inverse @ residual
    argument = delta @ inverse @ residual / np.sqrt(1.0 - delta @ inverse @ delta) * np.sqrt((df + n) / (df + square))
    return 2.0 * stats.multivariate_t(shape=omega, df=df).pdf(residual) * stats.t.cdf(argument, df + n)


def probit(y, mean, law):
    chance = 1.0
    for value, centre, cuts, values in zip(y, mean, law["thresholds"], law["categories"], strict=True):
        if np.isnan(value):
            continue
        place = int(np.flatnonzero(values == value)[0])
        ends = np.concatenate([[-np.inf], cuts, [np.inf]])
        chance *= stats.norm.cdf(ends[place + 1] - centre) - stats.norm.cdf(ends[place] - centre)
    return chance


def likelihood(densities, initial, transition):
    """Sum over state paths; ``densities`` are (occasions, states)."""
    t_end, k = densities.shape
    total = 0.0
    for path in itertools.product(range(k), repeat=t_end):
        chance = initial[path[0]] * densities[0, path[0]]
        for t in range(1, t_end):
            chance *= transition[path[t - 1], path[t]] * densities[t, path[t]]
        total += chance
    return total


def sojourn_likelihood(densities, initial, jump, mean, size):
    """Sum over first ages and state paths of an explicit-duration chain."""
    t_end, k = densities.shape
    hazard = np.empty((k, OLDEST))
    for state in range(k):
        law = stats.nbinom(size[state], size[state] / (size[state] + mean[state] - 1.0))
        ages = np.arange(OLDEST)
        hazard[state] = law.pmf(ages) / law.sf(ages - 1)
    total = 0.0
    for path in itertools.product(range(k), repeat=t_end):
        for age in range(OLDEST):
            total += first_age(hazard[path[0]])[age] * _path(densities, initial, jump, hazard, path, age)
    return total


def first_age(hazard):
    weight = np.concatenate([[1.0], np.cumprod(1.0 - hazard[:-1])])
    weight[-1] /= hazard[-1]
    return weight / weight.sum()


def _path(densities, initial, jump, hazard, path, age):
    chance = initial[path[0]] * densities[0, path[0]]
    for t in range(1, len(path)):
        before, now = path[t - 1], path[t]
        end = hazard[before, age]
        if now == before:
            chance *= 1.0 - end
            age = min(age + 1, OLDEST - 1)
        else:
            chance *= end * jump[before, now]
            age = 0
        chance *= densities[t, now]
    return chance
