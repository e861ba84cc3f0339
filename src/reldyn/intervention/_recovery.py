"""How a series goes on after it changed: levels that lasted, the way back, and how closely partners then moved.

Levels come from `_steps`. The course of coupling is a local regression on both partners' last answers (after the kernel
smoothing of time-varying autoregressions of Bringmann et al., 2017, with a tricube kernel).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column
from reldyn.errors import DataWarning, DesignError, is_count, warn_caller
from reldyn.intervention._phases import time_unit
from reldyn.intervention._result import SeriesResult, series_labels
from reldyn.intervention._steps import Steps, find_steps
from reldyn.panel import DyadSeries, analysis
from reldyn.results import MaybeInTables
from reldyn.stats import known_seed, map_seeded

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel, PersonSeries


__all__ = ["Recovery", "local_effects", "recovery"]

_Z = 1.959963984540054
# Places at which the course of coupling is told, and lags a local regression of three coefficients needs.
_PLACES = 25
_FEWEST = 12
# Answers that vary by less than this share of their size vary by rounding only.
_ALIKE = 1e-12


class Recovery(SeriesResult):
    """Levels of every series between its changes.

    Attributes
    ----------
    table, series, outcome, unit, settings, warnings
        As in every result of this room.
    models : pandas.DataFrame
        One row per person: ``n_obs``, ``n_changes``, ``p_value`` (of any change at all), ``phi``, ``first_change``,
        ``back_at`` and ``time_to_return`` (NaN where the first level did not come back), ``note``.
    course : pandas.DataFrame
        What `coupling` returns.
    """

    models = MaybeInTables()
    course = MaybeInTables()

    # In the course: whose next answer.
    person_columns: ClassVar[tuple[str, ...]] = ("outcome",)

    def coupling(self) -> pd.DataFrame:
        """Local effects over time.

        Returns
        -------
        pandas.DataFrame
            ``dyad``, ``outcome`` (whose next answer), ``time``, ``effect`` (``actor`` or ``partner``), ``estimate``,
            ``std_error``, ``conf_low``, ``conf_high`` (each for its own moment), ``n_effective``.
        """
        import pandas as pd

        return pd.DataFrame() if self.course is None else self.course.copy()

    def _headline(self) -> str:
        return f"Changes of the level of {self.outcome}"

    def _methods(self) -> str:
        rules = self.settings
        return (
            f"Each person's {self.outcome} was cut into levels of at least {counted(rules['min_length'], 'answer')} by "
            f"optimal partitioning of a first-order autoregression. Changes were added, up to {rules['max_changes']}, "
            f"while {counted(rules['n_boot'], 'draw')} of an autoregression with the changes so far rejected it at 5 "
            "%. Limits take the places of changes and the autocorrelation as known. A first level has come back where "
            "a later one cannot be told from it, which a short or noisy series also achieves. A change of level has "
            "no cause in this analysis."
        )

    def _shown(self) -> pd.DataFrame:
        return self.table.drop(columns=["term", "person"])


@analysis
def recovery(
    panel: DyadPanel,
    *,
    outcome: Column,
    max_changes: int = 2,
    min_length: int = 7,
    bandwidth: float = 28.0,
    n_boot: int = 199,
    seed: Any = None,
    n_jobs: int = 1,
) -> Recovery:
    """Find when the level of each series changed, whether its first level came back, and how coupling ran.

    Parameters
    ----------
    panel : DyadPanel
    outcome : str
        Numeric column. Missing answers are left out; the autocorrelation is carried over the gap.
    max_changes : int, default 2
        Two allow for a fall and a return.
    min_length : int, default 7
        Fewest answers of a level: a week of a daily diary.
    bandwidth : float, default 28
        Half-width, in scheduled occasions, of the tricube kernel of the course of coupling.
    n_boot : int, default 199
        Draws for each number of changes.
    seed : int, SeedSequence or Generator, optional
    n_jobs : int, default 1

    Returns
    -------
    Recovery
        ``tidy()`` has one row per person and level: ``dyad``, ``person``, ``role``, ``term``, ``level``, ``start``,
        ``end`` (first and last answer of the level, on the clock of the panel), ``n_obs``, ``estimate``, ``std_error``,
        ``conf_low``, ``conf_high``, ``difference`` (from the first level), ``p_value`` (of the test that allowed this
        many changes; NaN for the first level), ``note``.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        ``max_changes``, ``min_length``, ``bandwidth`` or ``n_boot`` cannot be used.

    Notes
    -----
    Power is modest: with 56 answers and an autocorrelation of .5 a lasting change of 2 SD was found in 16 of 25 drawn
    series, a rise of 2.5 SD that went back in 16 of 25; without any change 2 of 100 were said to have one. The course
    of coupling comes with limits for each moment alone, and with no test of whether it is constant.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> import reldyn as rd
    >>> noise = np.random.default_rng(1).normal(size=80)
    >>> level = np.tile(np.repeat([0.0, 6.0], 20), 2)
    >>> frame = pd.DataFrame(
    ...     {"dyad": 1, "person": np.repeat([1, 2], 40), "day": np.tile(range(40), 2), "mood": level + noise}
    ... )
    >>> panel = rd.DyadPanel(frame, dyad="dyad", person="person", time="day")
    >>> found = recovery(panel, outcome="mood", n_boot=39, seed=1)
    >>> found.models["n_changes"].tolist(), found.models["first_change"].tolist()
    ([1, 1], [20.0, 20.0])
    """
    import pandas as pd

    _check(max_changes, min_length, bandwidth, n_boot)
    known = known_seed(seed)

    def one(person: PersonSeries, generator: np.random.Generator) -> Steps | str:
        y, step = person.values[person.observed], person.step[person.observed]
        reason = _refusal(y, min_length)
        if reason:
            return reason
        rules = {"max_changes": max_changes, "min_length": min_length, "n_boot": n_boot}
        return find_steps(y, step, **rules, generator=generator)

    batch = panel.series(outcome)
    persons = list(batch.by_person())
    found = map_seeded(one, persons, known, n_jobs, label="recovery")
    levels, models, series = [], [], []
    names = series_labels([(person.dyad, person.person, person.role) for person in persons])
    for person, steps, name in zip(persons, found, names, strict=True):
        own, model = _described(steps, person.time[person.observed])
        levels += [person.identity | {"term": f"{name} level {row['level']}"} | row for row in own]
        models.append(person.identity | {"n_obs": int(person.observed.sum())} | model)
        series.append(pd.DataFrame({**person.identity, "time": person.time, "value": person.values}))
    table, model_table = pd.DataFrame(levels), pd.DataFrame(models)
    notes = _notes(model_table)
    for note in notes:
        warn_caller(note, DataWarning)
    return Recovery.of(
        table=table,
        series=pd.concat(series, ignore_index=True),
        outcome=outcome,
        unit=time_unit(panel),
        settings={
            "max_changes": max_changes,
            "min_length": min_length,
            "bandwidth": float(bandwidth),
            "n_boot": n_boot,
            "seed": known,
        },
        notes=(*notes, *panel.clock.notes),
        models=model_table,
        course=_courses(list(batch), float(bandwidth)),
    )


def _check(max_changes: int, min_length: int, bandwidth: float, n_boot: int) -> None:
    faults = [
        f"{name}={value!r}: give a whole number of at least {least}"
        for name, value, least in (
            ("max_changes", max_changes, 1),
            ("min_length", min_length, 3),
            ("n_boot", n_boot, 19),
        )
        if not is_count(value, least)
    ]
    if not isinstance(bandwidth, (int, float, np.number)) or not bandwidth > 1:
        faults.append(f"bandwidth={bandwidth!r}: give a number of occasions above 1")
    if faults:
        raise DesignError("; ".join(faults) + ".")


def _refusal(y: Array, min_length: int) -> str:
    if len(y) < 2 * min_length:
        return f"{counted(len(y), 'answer')}; two levels of {min_length} need {2 * min_length}"
    if _alike(y):
        return "all answers are equal"
    return ""


def _alike(y: Array) -> bool:
    """Whether answers vary by rounding only."""
    return bool(np.nanmax(y) - np.nanmin(y) <= _ALIKE * np.nanmax(np.abs(y)))


def _described(steps: Steps | str, time: Array) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of the levels, and the columns of the person's model."""
    nothing = dict.fromkeys(("p_value", "phi", "first_change", "back_at", "time_to_return"), np.nan)
    if isinstance(steps, str):
        blank = dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high", "difference", "p_value"), np.nan)
        row = {"level": 1, "start": np.nan, "end": np.nan, "n_obs": len(time), **blank, "note": steps}
        return [row], {"n_changes": np.nan, **nothing, "note": steps}
    fit, changes = steps.fit, steps.at.tolist()
    edges = [0, *changes, len(time)]
    rows, back = [], np.nan
    for k, (level, error) in enumerate(zip(fit.beta, fit.std_error, strict=True)):
        rows.append(
            {
                "level": k + 1,
                "start": time[edges[k]],
                "end": time[edges[k + 1] - 1],
                "n_obs": edges[k + 1] - edges[k],
                "estimate": level,
                "std_error": error,
                "conf_low": level - _Z * error,
                "conf_high": level + _Z * error,
                "difference": level - fit.beta[0],
                "p_value": steps.p_values[k - 1] if k else np.nan,
                "note": "",
            }
        )
        spread = np.sqrt(max(error**2 + fit.covariance[0, 0] - 2 * fit.covariance[0, k], 0.0))
        if k > 1 and np.isnan(back) and abs(level - fit.beta[0]) <= _Z * spread:
            back = time[edges[k]]
    first = time[changes[0]] if changes else np.nan
    edge = "the autocorrelation lies at the end of its range" if fit.at_edge else ""
    model = nothing | {"p_value": steps.p_values[0], "phi": fit.phi, "first_change": first, "back_at": back}
    return rows, {"n_changes": len(changes), **model, "time_to_return": back - first, "note": edge}


def _notes(models: pd.DataFrame) -> tuple[str, ...]:
    counts = models.loc[models["note"] != "", "note"].value_counts()
    return tuple(f"{count} of {len(models)} series: {note}." for note, count in counts.items())


def _courses(pairs: list[DyadSeries], bandwidth: float) -> pd.DataFrame:
    import pandas as pd

    columns = ["dyad", "outcome", "time", "effect", "estimate", "std_error", "conf_low", "conf_high", "n_effective"]
    parts = []
    for pair in pairs:
        earlier, later = pair.complete_lags()
        if len(later) < _FEWEST or all(_alike(column) for column in pair.values.T):
            continue
        clock = pair.step[later]
        places = np.linspace(clock[0], clock[-1], _PLACES)
        # Slopes depend neither on the zero nor on the unit, and far from zero digits would be lost.
        values = pair.values - np.nanmean(pair.values, axis=0)
        values = values / max(float(np.nanstd(values)), np.finfo(float).tiny)
        for member, name in enumerate(pair.names):
            x = np.column_stack([np.ones(len(later)), values[earlier, member], values[earlier, 1 - member]])
            beta, error, size = local_effects(x, values[later, member], clock, places, bandwidth)
            for place, effect in ((1, "actor"), (2, "partner")):
                estimate, spread = beta[:, place], error[:, place]
                parts.append(
                    pd.DataFrame(
                        {
                            "dyad": pair.dyad,
                            "outcome": name,
                            "time": places,
                            "effect": effect,
                            "estimate": estimate,
                            "std_error": spread,
                            "conf_low": estimate - _Z * spread,
                            "conf_high": estimate + _Z * spread,
                            "n_effective": size,
                        }
                    )
                )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def local_effects(x: Array, y: Array, clock: Array, places: Array, bandwidth: float) -> tuple[Array, Array, Array]:
    """Weighted least squares around each of several moments.

    Parameters
    ----------
    x : (n, p) array
    y, clock : (n,) arrays
    places : (m,) array
        Moments, on the same clock.
    bandwidth : float
        Half-width of the tricube kernel.

    Returns
    -------
    beta, error : (m, p) arrays
        Errors are robust to unequal variances; NaN where fewer than 12 rows count or they cannot tell the columns
        apart.
    size : (m,) array
        Effective number of rows, ``sum(w)**2 / sum(w**2)``.

    Examples
    --------
    >>> clock = np.arange(40.0)
    >>> x = np.column_stack([np.ones(40), np.cos(clock)])
    >>> beta, _, size = local_effects(x, 2 * x[:, 1], clock, np.array([20.0]), 15)
    >>> np.allclose(beta, [[0, 2]]), bool(size[0] > 12)
    (True, True)
    """
    beta, error = np.full((2, len(places), x.shape[1]), np.nan)
    size = np.zeros(len(places))
    for place, moment in enumerate(places):
        w = np.clip(1 - np.abs((clock - moment) / bandwidth) ** 3, 0, None) ** 3
        size[place] = w.sum() ** 2 / max((w**2).sum(), 1e-300)
        gram = x.T @ (w[:, None] * x)
        if size[place] < _FEWEST or np.linalg.matrix_rank(gram, hermitian=True) < x.shape[1]:
            continue
        bread = np.linalg.inv(gram)
        beta[place] = bread @ (x.T @ (w * y))
        # Each residual by its leverage (HC3): a local fit of few rows follows its own answers.
        leverage = w * np.einsum("ij,jk,ik->i", x, bread, x)
        score = x * (w * (y - x @ beta[place]) / np.maximum(1 - leverage, 1e-8))[:, None]
        error[place] = np.sqrt(np.diag(bread @ (score.T @ score) @ bread))
    return beta, error, size
