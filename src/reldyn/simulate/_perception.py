"""Panels of own mood, perceived mood of the partner and trust in one's own perception, with every parameter known.

The judgment is the truth and bias model of West and Kenny (2011), centred at the partner's own mean; moods follow
their own and the partner's past.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from reldyn._types import Array, Flags
from reldyn.errors import DesignError, check_count, check_option
from reldyn.panel import DyadPanel
from reldyn.simulate._apim import Pair, PerRole, Roles, correlated
from reldyn.simulate._checks import lies_within, one_per_role
from reldyn.simulate._missing import MissingPattern, check_missing, missing_mask
from reldyn.simulate._seeds import Seed, child_generator, root_sequence, written_seed
from reldyn.simulate._simulated import Simulated, Truth

# Occasions before the first one that is kept: any mood has forgotten its start.
_BURN_IN = 30
# Trust carries over from occasion to occasion by this much.
_TRUST_INERTIA = 0.3


def perception(
    *,
    n_dyads: int,
    n_occasions: int = 14,
    directional_bias: PerRole = 0.4,
    truth_force: PerRole = 0.45,
    bias_force: PerRole = 0.3,
    drift: PerRole = 0.0,
    truth_force_drift: PerRole = 0.0,
    inertia: PerRole = 0.3,
    contagion: PerRole = 0.1,
    doubt: PerRole = 0.0,
    sd_bias: float = 0.5,
    sd_truth_force: float = 0.15,
    sd_bias_force: float = 0.12,
    sd_contagion: float = 0.1,
    r_empathy: float = 0.0,
    r_members: float = 0.3,
    sd_judgment: float = 0.6,
    roles: Roles = "distinguishable",
    missing: float = 0.0,
    missing_pattern: MissingPattern = "random",
    seed: Seed = None,
) -> Simulated:
    """Simulate a study in which both partners report their own mood and what they think the other's is.

    Everything named per role takes a number, or a pair for the roles ``a`` and ``b`` (the role of the perceiver).

    Parameters
    ----------
    n_dyads : int
    n_occasions : int, default 14
        At least 3.
    directional_bias : float or (float, float), default 0.4
        How far the partner's mood is overestimated, at mid-study.
    truth_force, bias_force : float or (float, float)
        Slopes of the judgment on the partner's and on the own mood, both as deviations from the person's true mean;
        defaults .45 and .3, as couples' diaries find them. Means of moods are perceived as they are.
    drift, truth_force_drift : float or (float, float), default 0.0
        Change of the directional bias and of the truth force per occasion.
    inertia, contagion : float or (float, float)
        Carry-over of the own and of the partner's mood to the own next mood; defaults .3 and .1.
    doubt : float or (float, float), default 0.0
        How far trust in one's own perception falls after an occasion on which the judgment was one point further away
        from the partner's report.
    sd_bias, sd_truth_force, sd_bias_force, sd_contagion : float
        SD between perceivers of these effects.
    r_empathy : float, default 0.0
        Correlation over perceivers of truth force and contagion: of cognitive and affective empathy.
    r_members : float, default 0.3
        Correlation of the two members' deviations of one kind.
    sd_judgment : float, default 0.6
        SD of what is left of a judgment; moods have innovations of SD 1 and trust of SD .5.
    roles : {"distinguishable", "exchangeable"}, default "distinguishable"
    missing : float, default 0.0
        Expected share of a person's occasions that were missed. They keep their row.
    missing_pattern : {"random", "bursts", "affect"}, default "random"
        As in `apim`; ``"affect"`` by the own mood.
    seed : int, SeedSequence, Generator or None, default None
        Dyad k is the same whatever ``n_dyads``.

    Returns
    -------
    Simulated
        ``panel`` with columns ``dyad``, ``person``, ``role``, ``time``, ``mood``, ``perceived``, ``trust``; ``truth``
        with every argument, the seed, and the frame ``perceivers`` with each person's own values.

    Raises
    ------
    DesignError
        An argument is out of range, or moods would not stay where they are.

    Examples
    --------
    >>> import reldyn as rd
    >>> simulated = rd.simulate.perception(n_dyads=20, directional_bias=(0.4, -0.2), seed=1)
    >>> simulated.panel.frame.columns.tolist()
    ['dyad', 'person', 'role', 'time', 'mood', 'perceived', 'trust']
    >>> simulated.truth.directional_bias
    (0.4, -0.2)
    """
    check_option(roles, ("distinguishable", "exchangeable"), "roles")
    check_count(n_dyads, "n_dyads", 1)
    check_count(n_occasions, "n_occasions", 3)
    check_missing(missing, missing_pattern)
    given = {
        "directional_bias": directional_bias,
        "truth_force": truth_force,
        "bias_force": bias_force,
        "drift": drift,
        "truth_force_drift": truth_force_drift,
        "inertia": inertia,
        "contagion": contagion,
        "doubt": doubt,
    }
    pairs = {name: one_per_role(value, name, exchangeable=roles == "exchangeable") for name, value in given.items()}
    design = _Design(
        n_occasions=n_occasions,
        **pairs,
        sd_bias=sd_bias,
        sd_truth_force=sd_truth_force,
        sd_bias_force=sd_bias_force,
        sd_contagion=sd_contagion,
        r_empathy=r_empathy,
        r_members=r_members,
        sd_judgment=sd_judgment,
    )
    root = root_sequence(seed)
    drawn = [_draw(design, child_generator(root, dyad)) for dyad in range(n_dyads)]
    own = np.array([effects for effects, _, _ in drawn])
    series = np.array([values for _, values, _ in drawn])
    missed = missing_mask(
        _by_person(series[..., 0, :]), _by_person(np.array([u for *_, u in drawn])), missing, missing_pattern
    )
    frame = _frame(series, missed, exchangeable=roles == "exchangeable")
    people = frame.loc[frame.index % n_occasions == 0, ["dyad", "person", "role"]].reset_index(drop=True)
    for place, name in enumerate(_EFFECTS):
        people[name] = own[:, place, :].ravel()
    truth = Truth(
        **dataclasses.asdict(design),
        n_dyads=n_dyads,
        roles=roles,
        missing=missing,
        missing_pattern=missing_pattern,
        seed=written_seed(root),
        perceivers=people,
    )
    role = "role" if roles == "distinguishable" else None
    return Simulated(DyadPanel(frame, dyad="dyad", person="person", role=role, time="time"), truth)


_EFFECTS = ("mean_mood", "directional_bias", "truth_force", "bias_force", "contagion")


@dataclasses.dataclass(frozen=True, slots=True)
class _Design:
    """Every parameter of the model, pairs per role."""

    n_occasions: int
    directional_bias: Pair
    truth_force: Pair
    bias_force: Pair
    drift: Pair
    truth_force_drift: Pair
    inertia: Pair
    contagion: Pair
    doubt: Pair
    sd_bias: float
    sd_truth_force: float
    sd_bias_force: float
    sd_contagion: float
    r_empathy: float
    r_members: float
    sd_judgment: float

    def __post_init__(self) -> None:
        for name in ("r_empathy", "r_members"):
            if not lies_within(getattr(self, name), -1, 1):
                raise DesignError(f"{name}={getattr(self, name)!r} is no correlation: give a number from -1 to 1.")
        for name in ("sd_bias", "sd_truth_force", "sd_bias_force", "sd_contagion", "sd_judgment"):
            if not lies_within(getattr(self, name), 0, np.inf):
                raise DesignError(f"{name}={getattr(self, name)!r} is no standard deviation: give a number from 0.")
        transition = np.diag(self.inertia) + np.fliplr(np.diag(self.contagion))
        if float(np.abs(np.linalg.eigvals(transition)).max()) >= 1:
            raise DesignError(
                f"inertia={self.inertia} and contagion={self.contagion} let moods run away: bring them nearer to 0."
            )


def _draw(design: _Design, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """One dyad: effects (5, 2), series (occasions, 3, 2) of mood, judgment and trust, and uniforms (occasions, 2)."""
    n = design.n_occasions
    deviations = correlated(rng.standard_normal((5, 2)), design.r_members)
    # The kinds of empathy correlate over perceivers.
    r = design.r_empathy
    deviations[4] = r * deviations[2] + np.sqrt(1 - r**2) * deviations[4]
    sd = np.array([0.8, design.sd_bias, design.sd_truth_force, design.sd_bias_force, design.sd_contagion])
    centre = np.array([(5.0, 5.0), design.directional_bias, design.truth_force, design.bias_force, design.contagion])
    effects = centre + deviations * sd[:, None]
    # A perceiver far out on contagion must not make the moods of the dyad explode.
    reach = np.maximum(0.95 - np.abs(design.inertia), 0.0)
    effects[4] = np.clip(effects[4], -reach, reach)
    shocks = rng.standard_normal((_BURN_IN + n, 3, 2))
    uniforms = rng.random((n, 2))
    mood = np.zeros((_BURN_IN + n, 2))
    for t in range(1, len(mood)):
        mood[t] = np.asarray(design.inertia) * mood[t - 1] + effects[4] * mood[t - 1, ::-1] + shocks[t, 0]
    return effects, _reports(design, effects, mood[_BURN_IN:], shocks[_BURN_IN:, 1:]), uniforms


def _reports(design: _Design, effects: Array, mood: Array, shocks: Array) -> Array:
    """Own mood, judgment of the partner's mood, and trust in one's own perception."""
    level, bias, truth_force, bias_force, _ = effects
    clock = np.arange(len(mood)) - (len(mood) - 1) / 2
    force = truth_force + np.asarray(design.truth_force_drift) * clock[:, None]
    gap = bias + np.asarray(design.drift) * clock[:, None] + (force - 1) * mood[:, ::-1] + bias_force * mood
    gap = gap + design.sd_judgment * shocks[:, 0]
    trust = np.empty_like(mood)
    trust[0] = 0.5 * shocks[0, 1]
    distance = np.abs(gap)
    # Taken off is a constant of the study, not the person's own mean, which would leak the future into the past.
    usual = 1.0
    for t in range(1, len(mood)):
        trust[t] = _TRUST_INERTIA * trust[t - 1] - np.asarray(design.doubt) * (distance[t - 1] - usual)
        trust[t] += 0.5 * shocks[t, 1]
    return np.stack([level + mood, level[::-1] + mood[:, ::-1] + gap, 5.0 + trust], axis=1)


def _by_person(values: Array) -> Array:
    return np.moveaxis(values, 2, 1).reshape(-1, values.shape[1])


def _frame(series: Array, missed: Flags, *, exchangeable: bool) -> pd.DataFrame:
    n_dyads, n_occasions = series.shape[:2]
    person = np.arange(1, 2 * n_dyads + 1)
    labels = ["member", "member"] if exchangeable else ["a", "b"]
    answers = {
        name: np.where(missed, np.nan, _by_person(series[:, :, place])).ravel()
        for place, name in enumerate(("mood", "perceived", "trust"))
    }
    return pd.DataFrame(
        {
            "dyad": np.repeat((person + 1) // 2, n_occasions),
            "person": np.repeat(person, n_occasions),
            "role": np.tile(np.repeat(labels, n_occasions), n_dyads),
            "time": np.tile(np.arange(1, n_occasions + 1), 2 * n_dyads),
            **answers,
        }
    )
