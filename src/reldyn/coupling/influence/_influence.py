"""`influence_functions`: each partner's own course, what the other adds to it, and where the two lead together.

Cook et al. (1995); Gottman, Murray, Swanson, Tyson and Swanson (2002), The Mathematics of Marriage.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column, Flags
from reldyn.coupling._checks import AVERAGES, AverageBy, check_optional_count, check_switches
from reldyn.coupling.influence._average import averaged
from reldyn.coupling.influence._fit import (
    DETERMINED,
    Equation,
    InfluenceFit,
    Shape,
    fit,
    fit_two_steps,
    leaves_errors,
    unfit,
)
from reldyn.coupling.influence._map import basins, fixed_points
from reldyn.coupling.influence._result import InfluenceResult
from reldyn.coupling.influence._test import Turns, influence_p
from reldyn.errors import DataWarning, DesignError, check_option, is_number, warn_caller
from reldyn.panel import DyadSeries, analysis
from reldyn.stats import known_seed, map_seeded

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel


__all__ = ["influence_functions"]

_FORMS = ("bilinear", "ojive")
_TIMINGS = ("sequential", "simultaneous")
_ESTIMATIONS = ("joint", "two-step")
_ZEROS = ("mean", "midpoint")
# With 150 turns and unit errors the standard error of either slope is about .13.
_SLOPES_APART = 300
_GRID = 41
_BINS = 8
_LEVEL = 0.975


@dataclass(frozen=True, slots=True)
class _Options:
    shape: Shape
    sequential: bool
    first: Hashable | None
    zero: float | str
    midpoint: float
    band: float | None
    n_boot: int


@dataclass(frozen=True, slots=True)
class _Dyad:
    """What one dyad gave."""

    dyad: Hashable
    members: tuple[Hashable, Hashable]
    zeros: tuple[float, float]
    turns: Turns
    fits: tuple[InfluenceFit, InfluenceFit] | None
    tests: tuple[tuple[float, float], ...]
    notes: tuple[str, str]


@analysis
def influence_functions(
    panel: DyadPanel,
    variable: Column,
    *,
    form: Literal["bilinear", "ojive"] = "bilinear",
    repair: bool = False,
    damping: bool = False,
    timing: Literal["sequential", "simultaneous"] = "sequential",
    first: Hashable | None = None,
    zero: float | Literal["mean", "midpoint"] = 0.0,
    estimation: Literal["joint", "two-step"] = "joint",
    band: float = 0.0,
    average_by: AverageBy = "mean",
    n_boot: int = 999,
    seed: Any = None,
    n_jobs: int = 1,
) -> InfluenceResult:
    """Fit the marital interaction model: own course, influence of the partner, and the states they settle in.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
        A score with a neutral point, positive above and negative below.
    form : {"bilinear", "ojive"}, default "bilinear"
        Influence with one slope above and one below neutral, or with a step beyond a threshold on either side.
    repair, damping : bool, default False
        Whether own negativity beyond a threshold adds a constant (repair), and own positivity beyond one takes a
        constant away (damping).
    timing : {"sequential", "simultaneous"}, default "sequential"
        Sequential, as with turns: the second partner reacts to the first one's new score. Simultaneous, as with beeps
        both answer: each reacts to the other's last score. With the first, whatever moves both at one beep looks like
        influence on the second.
    first : label, optional
        The role that speaks first; None: the first of the panel. Without roles the first person of each dyad.
    zero : float, "mean" or "midpoint", default 0.0
        The neutral score; ``"mean"`` is the person's own mean, ``"midpoint"`` that of the declared scale.
    estimation : {"joint", "two-step"}, default "joint"
        All parameters at once, which uses every turn; or as in the source: the uninfluenced ones on turns with a
        neutral partner, then the influence on what they leave.
    band : float, default 0.0
        For two-step: a partner's score within this distance of zero is neutral.
    average_by : {"mean", "random-effects"}, default "mean"
        How dyads are averaged. The plain mean with a t test over dyads does not look at standard errors, which short
        series tie to the slopes. The random-effects mean (restricted maximum likelihood, intervals by Hartung and
        Knapp) weighs by precision, which pays where the dyads' numbers of answers differ much.
    n_boot : int, default 999
        Samples of the bootstrap test; 0 leaves it out.
    seed : int, SeedSequence, Generator or None
    n_jobs : int, default 1

    Returns
    -------
    InfluenceResult
        ``tidy()``: parameters per dyad and receiver; ``averages``: over dyads, per role where roles tell all partners
        apart; ``tests``, ``fixed_points``, ``influence``, ``turns``. Turns with a missing score are left out, and so
        are those over a night. A dyad with fewer than 20 pairs of turns, or a partner who never varies, has NaN and a
        ``note``.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        An option is not known, ``first`` is no role, ``zero="midpoint"`` without a declared scale, or a negative
        number where a count is needed.

    Notes
    -----
    W' = a + r W + I(H) and H' = b + r H + I(W') (sequential) or I(W). ``uninfluenced`` is a / (1 - r), where the
    receiver would settle with a neutral partner. Null clines are the scores at which one partner stays as they are;
    fixed points are where they cross, and are stable if both eigenvalues of the Jacobian lie within the unit circle.
    Steps make null clines jump: they may pass each other without a fixed point.
    Standard errors take thresholds as known. The test refits everything, thresholds among them, in series without the
    influence tested. Below 300 turns the two slopes can hardly be told apart, as a warning says.
    Averages keep what every dyad's estimate has too little of: with 100 turns inertia came out .02 to .03 too low and
    its 95 % intervals held the planted mean in .79 to .91 of 200 samples of 20 or 40 dyads, in .95 with 300 turns;
    those of the slopes in .92 to .98 (``tools/results/influence_checks.json``).

    References
    ----------
    Cook, Tyson, White, Rushe, Gottman and Murray (1995), J. Family Psychology 9. Gottman et al. (2002). Hamaker, Zhang
    and van der Maas (2009), Psychometrika 74. Madhyastha, Hamaker and Gottman (2011), J. Family Psychology 25.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=2, n_occasions=400, seed=1).panel
    >>> found = rd.coupling.influence_functions(panel, "warmth", zero="mean", timing="simultaneous", n_boot=99, seed=1)
    >>> found.tests["n_turns"].tolist()
    [300, 300, 300, 300]
    """
    check_option(average_by, AVERAGES, "average_by")
    options = _checked_options(panel, variable, form, repair, damping, timing, first, zero, estimation, band, n_boot)
    known = known_seed(seed)

    def one(pair: DyadSeries, rng: np.random.Generator) -> _Dyad:
        return _dyad(pair, options, rng)

    done = map_seeded(one, panel.series(variable), known, n_jobs, label="dyads")
    tests = _tests(done)
    notes = _remarks(done, tests, form, timing, panel)
    for note in notes:
        warn_caller(note, DataWarning)
    estimates = _estimates(done)
    return InfluenceResult.of(
        estimates=estimates,
        averages=averaged(estimates, _roles(panel), average_by),
        tests=tests,
        fixed_points=_points(done),
        influence=_influences(done),
        turns=_trajectories(done),
        equations={one.dyad: (one.fits[0].equation, one.fits[1].equation) for one in done if one.fits},
        zeros={one.dyad: one.zeros for one in done},
        variable=variable,
        members={one.dyad: one.members for one in done},
        form=form,
        timing=timing,
        estimation=estimation,
        average_by=average_by,
        repair=repair,
        damping=damping,
        n_boot=n_boot,
        seed=known,
        notes=notes,
    )


def _roles(panel: DyadPanel) -> list[Hashable]:
    """Both roles where every dyad has one member of each; else none."""
    index = panel.index
    apart = len(index.roles) == 2 and bool(np.array_equal(index.role, index.member))
    return list(index.roles) if apart else []


def _checked_options(
    panel: DyadPanel,
    variable: str,
    form: str,
    repair: bool,
    damping: bool,
    timing: str,
    first: Hashable | None,
    zero: float | str,
    estimation: str,
    band: float,
    n_boot: int,
) -> _Options:
    check_option(form, _FORMS, "form")
    check_option(timing, _TIMINGS, "timing")
    check_option(estimation, _ESTIMATIONS, "estimation")
    check_switches(repair=repair, damping=damping)
    if first is not None:
        check_option(first, panel.roles, "first")
    midpoint = float("nan")
    if isinstance(zero, str):
        check_option(zero, _ZEROS, "zero")
        if zero == "midpoint":
            if variable not in panel.scales:
                raise DesignError(
                    f"zero='midpoint': the panel declares no scale of {variable!r}; give its neutral score."
                )
            midpoint = float(np.mean(panel.scales[variable]))
    elif not is_number(zero):
        raise DesignError(f"zero={zero!r}: give a finite score.")
    if not is_number(band, 0):
        raise DesignError(f"band={band!r}: give a distance of at least 0.")
    check_optional_count(n_boot, "n_boot", "the test")
    shape = Shape(form, repair, damping)  # type: ignore[arg-type]
    sought = band if estimation == "two-step" else None
    return _Options(shape, timing == "sequential", first, zero, midpoint, sought, n_boot)


def _dyad(pair: DyadSeries, options: _Options, rng: np.random.Generator) -> _Dyad:
    turned = options.first is not None and pair.names[0] != options.first and pair.names[1] == options.first
    values = pair.values[:, ::-1] if turned else pair.values
    members = (pair.names[1], pair.names[0]) if turned else (pair.names[0], pair.names[1])
    zeros = tuple(_zero(values[:, k], options) for k in (0, 1))
    earlier, later = pair.complete_lags()
    turns = Turns(values - np.array(zeros), earlier, later, pair.runs(observed=False), options.sequential)
    reasons = [unfit(*turns.parts(k), values[:, k], values[:, 1 - k]) for k in (0, 1)]
    fits = None if any(reasons) else (_fitted(turns, 0, options), _fitted(turns, 1, options))
    if fits is not None:
        reasons = ["" if leaves_errors(one, values[:, k]) else DETERMINED for k, one in enumerate(fits)]
    nothing = (float("nan"), float("nan"))
    if fits is None or any(reasons):
        # Neither course nor influence of one partner can be read without the other.
        notes = tuple(reason or f"the partner: {reasons[1 - k]}" for k, reason in enumerate(reasons))
        return _Dyad(pair.dyad, members, (zeros[0], zeros[1]), turns, None, (nothing, nothing), (notes[0], notes[1]))
    found = [_absent(one) for one in fits]
    tests = tuple(_tested(turns, k, options, rng) for k in (0, 1))
    return _Dyad(pair.dyad, members, (zeros[0], zeros[1]), turns, fits, tests, (found[0], found[1]))


def _zero(values: Array, options: _Options) -> float:
    if options.zero == "mean":
        seen = values[np.isfinite(values)]
        return float(seen.mean()) if len(seen) else 0.0
    return options.midpoint if options.zero == "midpoint" else float(options.zero)


def _fitted(turns: Turns, receiver: int, options: _Options) -> InfluenceFit:
    after, own, partner = turns.parts(receiver)
    if options.band is None:
        return fit(after, own, partner, options.shape)
    return fit_two_steps(after, own, partner, options.shape, options.band)


def _absent(fitted: InfluenceFit) -> str:
    notes = [f"too few turns for {name.replace('_', ' ')}" for name in fitted.absent]
    if not np.isfinite(fitted.rss):
        notes.append("not identified: too few neutral turns, or columns that depend on each other")
    return "; ".join(notes)


def _tested(turns: Turns, receiver: int, options: _Options, rng: np.random.Generator) -> tuple[float, float]:
    """The test rests on the joint fit, whichever estimates are shown."""
    fits = tuple(fit(*turns.parts(k), options.shape) for k in (0, 1))
    if not any(name in fits[receiver].names for name in _SENT):
        return float("nan"), float("nan")
    return influence_p(turns, (fits[0], fits[1]), receiver, options.shape, options.n_boot, rng)


_SENT = ("positive", "negative", "step_up", "step_down")
_THRESHOLDS = ("up_at", "down_at", "repair_at", "damping_at")


def _estimates(done: list[_Dyad]) -> pd.DataFrame:
    import pandas as pd
    from scipy import stats

    rows: list[dict[str, Any]] = []
    for one in done:
        for k in (0, 1):
            who = {"dyad": one.dyad, "receiver": one.members[k], "sender": one.members[1 - k]}
            if one.fits is None:
                rows.append(_parameter(who, "inertia", float("nan"), float("nan"), float("nan"), one.notes[k], stats))
                continue
            fitted = one.fits[k]
            errors = np.sqrt(np.diag(fitted.covariance))
            for name, error in zip(fitted.names, errors, strict=True):
                value = float(getattr(fitted.equation, name))
                rows.append(_parameter(who, name, value, float(error), fitted.df, one.notes[k], stats))
            for name in _THRESHOLDS:
                at = float(getattr(fitted.equation, name))
                if np.isfinite(at):
                    zero = one.zeros[1 - k] if name in ("up_at", "down_at") else one.zeros[k]
                    rows.append(_parameter(who, name, at + zero, float("nan"), fitted.df, one.notes[k], stats))
    return pd.DataFrame(rows)


def _parameter(
    labels: dict[str, Any], name: str, value: float, error: float, df: float, note: str, stats: Any
) -> dict[str, Any]:
    usable = np.isfinite(error) and error > 0 and df >= 1
    reach = float(stats.t.ppf(_LEVEL, df)) * error if usable else float("nan")
    statistic = value / error if usable else float("nan")
    return {
        "term": f"{labels['receiver']}: {name.replace('_', ' ')} (dyad {labels['dyad']})",
        **labels,
        "parameter": name,
        "estimate": value,
        "std_error": error,
        "statistic": statistic,
        "df": df,
        "p_value": float(2 * stats.t.sf(abs(statistic), df)) if usable else float("nan"),
        "conf_low": value - reach,
        "conf_high": value + reach,
        "note": note,
    }


def _tests(done: list[_Dyad]) -> pd.DataFrame:
    import pandas as pd
    from scipy import stats

    rows: list[dict[str, Any]] = []
    for one in done:
        for k in (0, 1):
            after = one.turns.parts(k)[0]
            fitted = one.fits[k] if one.fits else None
            total = float(((after - after.mean()) ** 2).sum()) if len(after) else 0.0
            level = _uninfluenced(fitted.equation) + one.zeros[k] if fitted is not None else float("nan")
            rows.append(
                {
                    "dyad": one.dyad,
                    "receiver": one.members[k],
                    "sender": one.members[1 - k],
                    "n_turns": len(after),
                    "r_squared": 1 - fitted.rss / total if fitted is not None and total > 0 else float("nan"),
                    "uninfluenced": level,
                    "statistic": one.tests[k][0],
                    "p_value": one.tests[k][1],
                    "p_adjusted": float("nan"),
                    "note": one.notes[k],
                }
            )
    frame = pd.DataFrame(rows)
    tested = frame["p_value"].notna().to_numpy()
    if tested.any():
        frame.loc[tested, "p_adjusted"] = stats.false_discovery_control(frame.loc[tested, "p_value"].to_numpy())
    return frame


def _uninfluenced(equation: Equation) -> float:
    """Where the receiver settles with a neutral partner; NaN where repair and damping leave no or several places."""
    branches = np.array([branch[0] for branch in equation.null_cline(np.zeros(1))])
    settled = np.unique(branches[np.isfinite(branches)])
    return float(settled[0]) if len(settled) == 1 else float("nan")


def _points(done: list[_Dyad]) -> pd.DataFrame:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for one in done:
        if one.fits is None or not all(np.isfinite(fitted.rss) for fitted in one.fits):
            continue
        pair = one.fits[0].equation, one.fits[1].equation
        found = fixed_points(*pair, sequential=one.turns.sequential)
        low, high = np.nanmin(one.turns.values, axis=0), np.nanmax(one.turns.values, axis=0)
        x, y = np.meshgrid(*(np.linspace(low[k], high[k], _GRID) for k in (0, 1)))
        ends = basins(*pair, found, x.ravel(), y.ravel(), sequential=one.turns.sequential)
        for place, point in enumerate(found):
            size = np.sort(np.abs(point.eigenvalues))[::-1]
            rows.append(
                {
                    "dyad": one.dyad,
                    "first": point.first + one.zeros[0],
                    "second": point.second + one.zeros[1],
                    "eigenvalue_1": float(size[0]),
                    "eigenvalue_2": float(size[1]),
                    "rotates": bool(np.abs(point.eigenvalues.imag).max() > 1e-12),
                    "stable": point.stable,
                    "basin": float((ends == place).mean()),
                }
            )
    columns = ["dyad", "first", "second", "eigenvalue_1", "eigenvalue_2", "rotates", "stable", "basin"]
    return pd.DataFrame(rows, columns=columns)


def _influences(done: list[_Dyad]) -> pd.DataFrame:
    """Mean of what the receiver's own course leaves, by score of the partner."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for one in done:
        for k in (0, 1) if one.fits is not None else ():
            after, own, partner = one.turns.parts(k)
            equation = one.fits[k].equation if one.fits is not None else Equation(0.0, 0.0)
            left = after - equation.own_part(own)
            for at in _bins(partner):
                n = int(at.sum())
                score = float(partner[at].mean())
                rows.append(
                    {
                        "dyad": one.dyad,
                        "receiver": one.members[k],
                        "partner_score": score + one.zeros[1 - k],
                        "residual": float(left[at].mean()),
                        "std_error": float(left[at].std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan"),
                        "n_turns": n,
                        "fitted": float(equation.influence(partner[at]).mean()),
                    }
                )
    columns = ["dyad", "receiver", "partner_score", "residual", "std_error", "n_turns", "fitted"]
    return pd.DataFrame(rows, columns=columns)


def _bins(score: Array) -> list[Flags]:
    """Every score where there are few, else parts of about equal size."""
    distinct = np.unique(score)
    if len(distinct) > _BINS:
        edges = np.unique(np.quantile(score, np.linspace(0, 1, _BINS + 1)[1:-1]))
        number = np.searchsorted(edges, score, side="right")
    else:
        number = np.searchsorted(distinct, score)
    return [number == one for one in np.unique(number)]


def _trajectories(done: list[_Dyad]) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for one in done:
        whole: Flags = np.isfinite(one.turns.values).all(axis=1)  # type: ignore[assignment]
        run = np.zeros(len(whole), dtype=np.int64)
        for number, stretch in enumerate(one.turns.stretches):
            run[stretch] = number
        # A missing turn ends a run, as a night does.
        run = np.cumsum(np.concatenate([[0], (np.diff(run) != 0) | ~whole[:-1]])) if len(run) else run
        scores = one.turns.values[whole] + np.array(one.zeros)
        parts.append(
            pd.DataFrame(
                {"dyad": [one.dyad] * len(scores), "run": run[whole], "first": scores[:, 0], "second": scores[:, 1]}
            )
        )
    return pd.concat(parts, ignore_index=True)


def _remarks(done: list[_Dyad], tests: pd.DataFrame, form: str, timing: str, panel: DyadPanel) -> tuple[str, ...]:
    notes = []
    without = sum(one.fits is None for one in done)
    if without:
        notes.append(
            f"{counted(without, 'dyad')} {'has' if without == 1 else 'have'} no fit: see the notes of `tests`."
        )
    short = sum(one.fits is not None and len(one.turns.later) < _SLOPES_APART for one in done)
    if short and form == "bilinear":
        notes.append(
            f"{counted(short, 'dyad')} {'has' if short == 1 else 'have'} fewer than {_SLOPES_APART} turns: "
            "slopes above and below neutral cannot be separated."
        )
    if timing == "sequential" and len(panel.roles) != 2:
        notes.append("without two roles who speaks first is arbitrary: consider timing='simultaneous'.")
    if tests["note"].str.contains("too few turns for").any():
        notes.append("some terms have too few turns on their side and were left out: see the notes of `tests`.")
    return tuple(notes)
