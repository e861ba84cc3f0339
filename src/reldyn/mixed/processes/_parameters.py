"""Parameters of residual processes: names, starting values, an unconstrained form, and what is reported.

The unconstrained form keeps every covariance positive definite (log standard deviations and atanh of the innovation
correlation) and every process stationary: atanh(phi) for `ar1`, log(rate) for `car1`, atanh(actor + partner) and
atanh(actor - partner) for a `var1` whose roles share it, and for the general `var1` the one-to-one map of Ansley and
Kohn (1986), Phi = A chol(I + A A')^{-1}, from any 2 x 2 matrix A.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from reldyn._types import Array
from reldyn.mixed.processes._jets import Jet
from reldyn.mixed.processes._kernels import stationary_covariance
from reldyn.mixed.processes._structure import Structure, structure
from reldyn.mixed.spec._options import Residual

_START_PHI = 0.2
_START_ERROR_SHARE = 0.25
_MOST_CORRELATION = 0.9


def natural_names(residual: Residual, exchangeable: bool) -> tuple[str, ...]:
    """Name the natural parameters, in the order of every parameter array.

    Parameters
    ----------
    residual : Residual
    exchangeable : bool
        Whether both members share their parameters.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> natural_names(Residual("ar1"), exchangeable=True)
    ('innovation_variance', 'innovation_covariance', 'phi')
    """
    return structure(residual, exchangeable).names


def start(residual: Residual, exchangeable: bool, moments: ArrayLike, *, spacing: float = 1.0) -> Array:
    """Propose natural parameters from a 2 x 2 residual covariance.

    Parameters
    ----------
    residual : Residual
    exchangeable : bool
    moments : array (2, 2)
        Residual covariance of the two members at one occasion, from a first fit.
    spacing : float, default 1.0
        A typical time between two rows of a member; only `car1` needs it, whose rates are per unit of time.

    Returns
    -------
    array (r,)
        With a modest carry-over of .2, the usual size in diary data and well inside every boundary.
    """
    parts = structure(residual, exchangeable)
    total = _sound_moments(np.asarray(moments, dtype=np.float64), parts)
    share = _START_ERROR_SHARE if residual.measurement_error else 0.0
    error = share * np.diag(total)
    # Shrinking the covariance together with the variances keeps its correlation, and so positive definiteness.
    process = (1.0 - share) * total
    innovation, transition = _start_dynamics(residual, process, spacing)
    return np.concatenate(
        [
            _coordinates(parts.innovation, innovation),
            _coordinates(parts.transition, transition),
            _coordinates(parts.error, np.diag(error)),
        ]
    )


def to_natural(residual: Residual, exchangeable: bool, unconstrained: ArrayLike) -> tuple[Array, Array, Array]:
    """Map any real vector to natural parameters, with derivatives.

    Parameters
    ----------
    residual : Residual
    exchangeable : bool
    unconstrained : array (r,)

    Returns
    -------
    natural : array (r,)
    jacobian : array (r, r)
        Element (i, k): natural i by unconstrained k.
    second : array (r, r, r)
        Element (i, k, l).
    """
    parts = structure(residual, exchangeable)
    eta = np.asarray(unconstrained, dtype=np.float64)
    pieces = _split(parts, eta)
    blocks = [
        _covariance_map(parts, pieces[0]),
        _transition_map(residual, parts, pieces[1]),
        _exponential_map(pieces[2], 2.0),
    ]
    r = len(eta)
    natural, jacobian, second = np.zeros(r), np.zeros((r, r)), np.zeros((r, r, r))
    begin = 0
    for value, first, curvature in blocks:
        at = slice(begin, begin + len(value))
        natural[at], jacobian[at, at], second[at, at, at] = value, first, curvature
        begin += len(value)
    return natural, jacobian, second


def from_natural(residual: Residual, exchangeable: bool, natural: ArrayLike) -> Array:
    """Invert `to_natural`.

    Parameters
    ----------
    residual : Residual
    exchangeable : bool
    natural : array (r,)
        Inside the region of positive definite, stationary processes.

    Returns
    -------
    array (r,)
    """
    parts = structure(residual, exchangeable)
    covariance, transition, error = _split(parts, np.asarray(natural, dtype=np.float64))
    return np.concatenate(
        [_covariance_inverse(parts, covariance), _transition_inverse(residual, parts, transition), 0.5 * np.log(error)]
    )


def describe(residual: Residual, exchangeable: bool, natural: ArrayLike) -> dict[str, Array]:
    """What is reported of a fitted process.

    Parameters
    ----------
    residual : Residual
    exchangeable : bool
    natural : array (r,)

    Returns
    -------
    dict of arrays
        ``covariance`` (2, 2): of the residuals at one occasion, measurement error included; ``sd`` (2,) and
        ``correlation`` () taken from it. Serial processes add ``process_covariance`` (2, 2) without measurement
        error, ``innovation_covariance`` (2, 2) (per unit of time for `car1`) and ``phi`` (2,) (for `car1` over one
        unit of time, beside ``decay`` (2,)) or, for `var1`, ``transition`` (2, 2), whose element (j, k) is the
        carry-over from member k to member j. ``error_variance`` (2,) with measurement error.

    Examples
    --------
    >>> sd = describe(Residual("ar1"), exchangeable=True, natural=[0.75, 0.0, 0.5])["sd"]
    >>> sd.round(3).tolist()
    [1.0, 1.0]
    """
    parts = structure(residual, exchangeable)
    theta = np.asarray(natural, dtype=np.float64)
    process = stationary_covariance(residual, exchangeable, theta)
    error = np.tensordot(theta, parts.error, axes=1)
    covariance = process + error
    sd = np.sqrt(np.diag(covariance))
    told = {"covariance": covariance, "sd": sd, "correlation": np.asarray(covariance[0, 1] / sd.prod())}
    if not residual.serial:
        return told
    told["process_covariance"] = process
    told["innovation_covariance"] = np.tensordot(theta, parts.innovation, axes=1)
    transition = np.tensordot(theta, parts.transition, axes=1)
    if residual.process == "var1":
        told["transition"] = transition
    elif residual.process == "ar1":
        told["phi"] = np.diag(transition).copy()
    else:
        told["decay"] = np.diag(transition).copy()
        told["phi"] = np.exp(-told["decay"])
    if residual.measurement_error:
        told["error_variance"] = np.diag(error).copy()
    return told


def _split(parts: Structure, vector: Array) -> list[Array]:
    """Cut a parameter vector into those of S, Phi and E."""
    return np.split(vector, np.cumsum(parts.sizes[:2]))


def _sound_moments(moments: Array, parts: Structure) -> Array:
    """A positive definite covariance near the moments that keeps the roles' ties."""
    variances = np.diag(moments)
    floor = 1e-6 * max(float(variances.max()), 1e-12)
    variances = np.maximum(variances, floor)
    if parts.tied_variances:
        variances = np.full(2, variances.mean())
    sd = np.sqrt(variances)
    correlation = float(np.clip(moments[0, 1] / sd.prod(), -_MOST_CORRELATION, _MOST_CORRELATION))
    return np.asarray(np.outer(sd, sd) * np.array([[1.0, correlation], [correlation, 1.0]]))


def _start_dynamics(residual: Residual, process: Array, spacing: float) -> tuple[Array, Array]:
    if not residual.serial:
        return process, np.zeros((2, 2))
    if residual.process == "car1":
        decay = -np.log(_START_PHI) / spacing
        return 2.0 * decay * process, decay * np.eye(2)
    return (1.0 - _START_PHI**2) * process, _START_PHI * np.eye(2)


def _coordinates(basis: Array, matrix: Array) -> Array:
    """Coordinates of a matrix in those basis matrices that are not zero; they never overlap."""
    used = basis[np.abs(basis).sum((1, 2)) > 0]
    return np.asarray((used * matrix).sum((1, 2)) / used.sum((1, 2)))


def _covariance_map(parts: Structure, eta: Array) -> tuple[Array, Array, Array]:
    """Log standard deviations, then atanh of the correlation, to variances and covariance."""
    n_sd = 1 if parts.tied_variances else 2
    value, first, second = _exponential_map(eta[:n_sd], 2.0)
    if len(eta) == n_sd:
        return value, first, second
    # Each of the tied or untied log SDs enters log(sd_0 sd_1) with this weight.
    weight = np.full(n_sd, 2.0 / n_sd)
    scale, rho = np.exp(eta[:n_sd] @ weight), np.tanh(eta[-1])
    slope = 1.0 - rho**2
    size = n_sd + 1
    natural, jacobian, curvature = np.zeros(size), np.zeros((size, size)), np.zeros((size, size, size))
    natural[:n_sd], jacobian[:n_sd, :n_sd], curvature[:n_sd, :n_sd, :n_sd] = value, first, second
    natural[-1] = scale * rho
    jacobian[-1] = np.r_[scale * rho * weight, scale * slope]
    curvature[-1, :n_sd, :n_sd] = scale * rho * np.outer(weight, weight)
    curvature[-1, -1, :n_sd] = curvature[-1, :n_sd, -1] = scale * slope * weight
    curvature[-1, -1, -1] = -2.0 * scale * rho * slope
    return natural, jacobian, curvature


def _covariance_inverse(parts: Structure, natural: Array) -> Array:
    n_sd = 1 if parts.tied_variances else 2
    log_sd = 0.5 * np.log(natural[:n_sd])
    if len(natural) == n_sd:
        return log_sd
    return np.asarray(np.r_[log_sd, np.arctanh(natural[-1] / np.exp(log_sd.sum() * 2.0 / n_sd))])


def _exponential_map(eta: Array, power: float) -> tuple[Array, Array, Array]:
    value = np.exp(power * eta)
    return value, _diagonal(power * value, 2), _diagonal(power**2 * value, 3)


def _diagonal(values: Array, axes: int) -> Array:
    """An array that is zero off its main diagonal."""
    size = len(values)
    array = np.zeros((size,) * axes)
    array[(np.arange(size),) * axes] = values
    return array


def _transition_map(residual: Residual, parts: Structure, eta: Array) -> tuple[Array, Array, Array]:
    if residual.process == "car1":
        return _exponential_map(eta, 1.0)
    if residual.process == "var1" and not parts.tied_transition:
        return _stationary_map(eta)
    value = np.tanh(eta)
    slope = 1.0 - value**2
    first, second = _diagonal(slope, 2), _diagonal(-2.0 * value * slope, 3)
    if residual.process != "var1":
        return value, first, second
    # Eigenvalues actor + partner and actor - partner back to actor and partner.
    halves = 0.5 * np.array([[1.0, 1.0], [1.0, -1.0]])
    return halves @ value, halves @ first, np.tensordot(halves, second, axes=1)


def _transition_inverse(residual: Residual, parts: Structure, natural: Array) -> Array:
    if residual.process == "car1":
        return np.log(natural)
    if residual.process != "var1":
        return np.arctanh(natural)
    if parts.tied_transition:
        actor, partner = natural
        return np.asarray(np.arctanh(np.array([actor + partner, actor - partner])))
    phi = natural.reshape(2, 2)
    from scipy.linalg import solve_discrete_lyapunov

    spread = solve_discrete_lyapunov(phi, np.eye(2))
    return (phi @ np.linalg.cholesky(spread)).ravel()


def _stationary_map(eta: Array) -> tuple[Array, Array, Array]:
    """Phi = A chol(I + A A')^{-1}, with A the elements of `eta` by rows."""
    basis = np.eye(4).reshape(4, 2, 2)
    a = Jet(eta.reshape(2, 2), basis, np.zeros((4, 4, 2, 2)))
    spread = a @ a.transposed
    factor = _cholesky(Jet(np.eye(2) + spread.value, spread.first, spread.second))
    phi = a @ _triangular_inverse(factor)
    if phi.first is None or phi.second is None:  # a carries both derivatives, so phi does
        raise ValueError("the transition lost its derivatives")
    return phi.value.ravel(), phi.first.reshape(4, 4).T, np.moveaxis(phi.second.reshape(4, 4, 4), 2, 0)


def _cholesky(x: Jet) -> Jet:
    """Lower Cholesky factor B of one matrix: dB = B half(B^{-1} dX B^{-T}) (Murray, 2016)."""
    factor = np.asarray(np.linalg.cholesky(x.value), dtype=np.float64)
    inverse = np.asarray(np.linalg.inv(factor))

    def solve(change: Array) -> Array:
        lower = np.tril(inverse @ change @ inverse.T)
        lower[..., [0, 1], [0, 1]] *= 0.5
        return np.asarray(factor @ lower)

    if x.first is None or x.second is None:
        return Jet(factor)
    first = solve(x.first)
    cross = first[:, None] @ first[None, :].swapaxes(-1, -2)
    return Jet(factor, first, solve(x.second - cross - cross.swapaxes(-1, -2)))


def _triangular_inverse(x: Jet) -> Jet:
    inverse: Array = np.asarray(np.linalg.inv(x.value), dtype=np.float64)
    if x.first is None or x.second is None:
        return Jet(inverse)
    first = -inverse @ x.first @ inverse
    cross = -(inverse @ x.first)[:, None] @ first[None, :]
    return Jet(inverse, first, -inverse @ x.second @ inverse + cross + cross.swapaxes(0, 1))
