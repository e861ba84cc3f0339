"""Actor-partner panels, cross-sectional and longitudinal, with every parameter known.

The model is that of Kenny, Kashy & Cook (2006, chapters 7 and 14): both members' predictor enters both
members' outcome, and what is left correlates within the dyad.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reldyn.errors import DesignError, check_count, check_option
from reldyn.panel import DyadPanel
from reldyn.simulate._checks import lies_within, one_per_role
from reldyn.simulate._missing import MissingPattern, check_missing, missing_mask
from reldyn.simulate._seeds import Seed, child_generator, root_sequence, written_seed
from reldyn.simulate._simulated import Simulated, Truth

PerRole: TypeAlias = float | tuple[float, float]
Roles: TypeAlias = Literal["distinguishable", "exchangeable"]
Pair: TypeAlias = tuple[float, float]


def apim(
    *,
    n_dyads: int,
    n_occasions: int = 1,
    actor: PerRole,
    partner: PerRole,
    intercept: PerRole = 0.0,
    actor_between: PerRole | None = None,
    partner_between: PerRole | None = None,
    sd_x: PerRole = 1.0,
    between_share: float | None = None,
    r_predictors: float = 0.3,
    phi_x: PerRole = 0.0,
    sd_residual: PerRole = 1.0,
    r_residuals: float = 0.3,
    phi: PerRole = 0.0,
    sd_intercept: PerRole | None = None,
    sd_actor: PerRole = 0.0,
    sd_partner: PerRole = 0.0,
    r_random: float = 0.3,
    roles: Roles = "distinguishable",
    missing: float = 0.0,
    missing_pattern: MissingPattern = "random",
    seed: Seed = None,
) -> Simulated:
    """Simulate an actor-partner study: one occasion per dyad, or a diary.

    Everything named per role takes a number, or a pair for the roles ``a`` and ``b`` (the role of the
    person whose outcome it is).

    Parameters
    ----------
    n_dyads : int
        Dyads with two members each.
    n_occasions : int, default 1
        Occasions per dyad; 1 gives a cross-sectional panel without a time role.
    actor, partner : float or (float, float)
        Effect of the own and of the partner's ``x`` on ``y``.
    intercept : float or (float, float), default 0.0
        Mean of ``y`` where both ``x`` are 0.
    actor_between, partner_between : float or (float, float), optional
        Effects of the two persons' true means of ``x``; default those of the deviations.
    sd_x : float or (float, float), default 1.0
        Total SD of ``x``, which has mean 0.
    between_share : float, optional
        Share of the variance of ``x`` that lies between persons; default .3 in a diary, as is common for affect.
    r_predictors : float, default 0.3
        Correlation of the two members' ``x``, in their means and in their deviations alike.
    phi_x, phi : float or (float, float), default 0.0
        First-order autocorrelation of the deviations of ``x`` and of the residuals.
    sd_residual : float or (float, float), default 1.0
        SD of the residuals (stationary, when they are autocorrelated).
    r_residuals : float, default 0.3
        Correlation of the two members' residuals at one occasion.
    sd_intercept : float or (float, float), optional
        SD of random intercepts; default .5 in a diary, 0 at one occasion, where it would only add to the residual.
    sd_actor, sd_partner : float or (float, float), default 0.0
        SD of random slopes of the deviations of ``x``.
    r_random : float, default 0.3
        Correlation of the two members' random effects of one kind; kinds are independent.
    roles : {"distinguishable", "exchangeable"}, default "distinguishable"
        Exchangeable members have no role in the panel (the column says ``member``) and equal parameters.
    missing : float, default 0.0
        Expected share of a person's occasions that were missed. They keep their row with ``x`` and ``y`` missing.
    missing_pattern : {"random", "bursts", "affect"}, default "random"
        Independent; in runs of six on average; or likelier when the own ``y`` is low (log odds 1.2 per SD).
    seed : int, SeedSequence, Generator or None, default None
        Dyad k is the same whatever ``n_dyads``. None draws a seed and stores it in the truth.

    Returns
    -------
    Simulated
        ``panel`` with columns ``dyad``, ``person``, ``role``, ``time``, ``x``, ``y``; ``truth`` with every argument
        (pairs per role), the seed, and the frame ``random_effects`` (``dyad``, ``person``, ``role``, ``intercept``,
        ``actor``, ``partner``).

    Raises
    ------
    DesignError
        An argument is out of range, or the correlations cannot occur together.

    Examples
    --------
    >>> import reldyn as rd
    >>> simulated = rd.simulate.apim(n_dyads=50, actor=(0.4, 0.3), partner=0.2, seed=1)
    >>> simulated.truth.actor, simulated.truth["partner"]
    ((0.4, 0.3), (0.2, 0.2))
    >>> simulated.panel.frame.columns.tolist()
    ['dyad', 'person', 'role', 'time', 'x', 'y']
    """
    check_option(roles, ("distinguishable", "exchangeable"), "roles")
    check_count(n_dyads, "n_dyads", 1)
    check_count(n_occasions, "n_occasions", 1)
    check_missing(missing, missing_pattern)
    diary = n_occasions > 1

    def pair(value: PerRole, name: str) -> Pair:
        return one_per_role(value, name, exchangeable=roles == "exchangeable")

    design = _Design(
        n_occasions=n_occasions,
        actor=pair(actor, "actor"),
        partner=pair(partner, "partner"),
        intercept=pair(intercept, "intercept"),
        actor_between=pair(actor if actor_between is None else actor_between, "actor_between"),
        partner_between=pair(partner if partner_between is None else partner_between, "partner_between"),
        sd_x=pair(sd_x, "sd_x"),
        between_share=(0.3 if diary else 0.0) if between_share is None else between_share,
        r_predictors=r_predictors,
        phi_x=pair(phi_x, "phi_x"),
        sd_residual=pair(sd_residual, "sd_residual"),
        r_residuals=r_residuals,
        phi=pair(phi, "phi"),
        sd_intercept=pair((0.5 if diary else 0.0) if sd_intercept is None else sd_intercept, "sd_intercept"),
        sd_actor=pair(sd_actor, "sd_actor"),
        sd_partner=pair(sd_partner, "sd_partner"),
        r_random=r_random,
    )
    root = root_sequence(seed)
    draws = _draw_all(design, [child_generator(root, dyad) for dyad in range(n_dyads)])
    x, y, effects = _outcomes(design, draws)
    # One row per person for the mask: (dyads, occasions, 2) becomes (persons, occasions).
    missed = missing_mask(_by_person(y), _by_person(draws.uniforms), missing, missing_pattern)
    frame = _panel_frame(x, y, missed, exchangeable=roles == "exchangeable")
    settings = dataclasses.asdict(design)
    truth = Truth(
        **settings,
        n_dyads=n_dyads,
        roles=roles,
        missing=missing,
        missing_pattern=missing_pattern,
        seed=written_seed(root),
        random_effects=_effects_frame(frame, effects, n_occasions),
    )
    role = "role" if roles == "distinguishable" else None
    return Simulated(DyadPanel(frame, dyad="dyad", person="person", role=role, time="time" if diary else None), truth)


@dataclasses.dataclass(frozen=True, slots=True)
class _Design:
    """Every parameter of the model, pairs per role."""

    n_occasions: int
    actor: Pair
    partner: Pair
    intercept: Pair
    actor_between: Pair
    partner_between: Pair
    sd_x: Pair
    between_share: float
    r_predictors: float
    phi_x: Pair
    sd_residual: Pair
    r_residuals: float
    phi: Pair
    sd_intercept: Pair
    sd_actor: Pair
    sd_partner: Pair
    r_random: float

    def __post_init__(self) -> None:
        for name in ("r_predictors", "r_residuals", "r_random"):
            if not lies_within(getattr(self, name), -1, 1):
                raise DesignError(f"{name}={getattr(self, name)!r} is no correlation: give a number from -1 to 1.")
        for name in ("sd_x", "sd_residual", "sd_intercept", "sd_actor", "sd_partner"):
            if min(getattr(self, name)) < 0:
                raise DesignError(f"{name}={getattr(self, name)!r} is no standard deviation: give numbers from 0.")
        for name in ("phi", "phi_x"):
            if max(map(abs, getattr(self, name))) >= 1:
                raise DesignError(f"{name}={getattr(self, name)!r} is not stationary: give numbers between -1 and 1.")
        if not lies_within(self.between_share, 0, 1):
            raise DesignError(
                f"between_share={self.between_share!r} is no share of variance: give a number from 0 to 1."
            )


@dataclasses.dataclass(frozen=True, slots=True)
class _Draws:
    """Standard draws of all dyads: `means` (n, 2), `random` (n, 3, 2), the rest (n, occasions, 2)."""

    means: NDArray[np.float64]
    random: NDArray[np.float64]
    predictors: NDArray[np.float64]
    residuals: NDArray[np.float64]
    uniforms: NDArray[np.float64]


def _draw_all(design: _Design, generators: list[np.random.Generator]) -> _Draws:
    n, occasions = len(generators), design.n_occasions
    normals = np.empty((n, 8 + 4 * occasions))
    uniforms = np.empty((n, occasions, 2))
    for row, rng in enumerate(generators):
        rng.standard_normal(out=normals[row])
        rng.random(out=uniforms[row])
    over_time = normals[:, 8:].reshape(n, 2, occasions, 2)
    return _Draws(
        means=correlated(normals[:, :2], design.r_predictors),
        random=correlated(normals[:, 2:8].reshape(n, 3, 2), design.r_random),
        predictors=autoregressive(over_time[:, 0], design.phi_x, design.r_predictors, "r_predictors"),
        residuals=autoregressive(over_time[:, 1], design.phi, design.r_residuals, "r_residuals"),
        uniforms=uniforms,
    )


def correlated(standard: NDArray[np.float64], r: float) -> NDArray[np.float64]:
    """Give independent standard normal pairs, held in the last axis, the correlation ``r``."""
    return np.stack([standard[..., 0], r * standard[..., 0] + np.sqrt(1 - r**2) * standard[..., 1]], axis=-1)


def autoregressive(standard: NDArray[np.float64], phi: Pair, r: float, name: str) -> NDArray[np.float64]:
    """Turn (n, occasions, 2) standard normals into stationary pairs of unit variance.

    ``phi`` is each member's autocorrelation, ``r`` the correlation of the two at one occasion.
    """
    if standard.shape[1] == 1:
        return correlated(standard, r)
    first, second = phi
    own = np.sqrt(1 - np.square(phi))
    # The correlation the innovations need so that the series themselves correlate r.
    r_innovations = r * (1 - first * second) / (own[0] * own[1])
    if abs(r_innovations) > 1:
        raise DesignError(
            f"{name}={r!r} cannot occur with autocorrelations {first} and {second}: bring them nearer, or lower it."
        )
    innovations = correlated(standard, r_innovations) * own
    out = np.empty_like(standard)
    out[:, 0] = correlated(standard[:, 0], r)
    for occasion in range(1, standard.shape[1]):
        out[:, occasion] = np.asarray(phi) * out[:, occasion - 1] + innovations[:, occasion]
    return out


def _outcomes(design: _Design, draws: _Draws) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Put x and y (n, occasions, 2) and the random effects (n, 3, 2) together; the last axis is the role."""
    sd_x = np.asarray(design.sd_x)
    means = np.sqrt(design.between_share) * sd_x * draws.means
    deviations = np.sqrt(1 - design.between_share) * sd_x * draws.predictors
    effects = draws.random * np.array([design.sd_intercept, design.sd_actor, design.sd_partner])
    between = np.asarray(design.actor_between) * means + np.asarray(design.partner_between) * means[:, ::-1]
    actor = np.asarray(design.actor) + effects[:, 1]
    partner = np.asarray(design.partner) + effects[:, 2]
    level = np.asarray(design.intercept) + effects[:, 0] + between
    y = (
        level[:, None]
        + actor[:, None] * deviations
        + partner[:, None] * deviations[:, :, ::-1]
        + draws.residuals * np.asarray(design.sd_residual)
    )
    return means[:, None] + deviations, y, effects


def _by_person(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.moveaxis(values, 2, 1).reshape(-1, values.shape[1])


def _panel_frame(
    x: NDArray[np.float64], y: NDArray[np.float64], missed: NDArray[np.bool_], *, exchangeable: bool
) -> pd.DataFrame:
    n_dyads, n_occasions, _ = x.shape
    person = np.arange(1, 2 * n_dyads + 1)
    labels = ["member", "member"] if exchangeable else ["a", "b"]
    return pd.DataFrame(
        {
            "dyad": np.repeat((person + 1) // 2, n_occasions),
            "person": np.repeat(person, n_occasions),
            "role": np.tile(np.repeat(labels, n_occasions), n_dyads),
            "time": np.tile(np.arange(1, n_occasions + 1), 2 * n_dyads),
            "x": np.where(missed, np.nan, _by_person(x)).ravel(),
            "y": np.where(missed, np.nan, _by_person(y)).ravel(),
        }
    )


def _effects_frame(frame: pd.DataFrame, effects: NDArray[np.float64], n_occasions: int) -> pd.DataFrame:
    persons = frame.loc[frame.index % n_occasions == 0, ["dyad", "person", "role"]].reset_index(drop=True)
    columns = np.moveaxis(effects, 2, 1).reshape(-1, 3)
    return persons.assign(intercept=columns[:, 0], actor=columns[:, 1], partner=columns[:, 2])
