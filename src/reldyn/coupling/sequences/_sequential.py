"""`lag_sequential`: does one code follow another more often than chance would have it, per dyad and on average.

Bakeman and Gottman (1997), Observing Interaction; Bakeman and Quera (2011), Sequential Analysis and Observational
Methods. The tables themselves are in ``_sequential_measures``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Column, Flags, Ints
from reldyn.coupling._checks import (
    AVERAGES,
    AverageBy,
    averaging_text,
    check_optional_count,
    check_switches,
    members_by_role,
    pooling_of,
)
from reldyn.coupling.sequences import _sequential_measures as measures
from reldyn.coupling.sequences._categories import Bins, Categories, categories_of
from reldyn.errors import DesignError, check_count, check_option
from reldyn.panel import DyadSeries, analysis
from reldyn.results import InState, InTables, Result
from reldyn.stats import known_seed, map_seeded, pool

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel
    from reldyn.results import Section


__all__ = ["LagSequentialResult", "lag_sequential"]

Streams = Literal["partners", "turns"]
_STREAMS = ("partners", "turns")
_INFERENCE = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")
# Whole days are moved, so that a rhythm common to all days stays, once there are enough for a p-value below .05.
_DAYS = 40
_CELL = ("count", "expected", "probability", "adjusted_residual", "yules_q", "log_odds", "std_error")


class LagSequentialResult(Result):
    """What follows what, per dyad and averaged over dyads.

    Attributes
    ----------
    averages : pandas.DataFrame
        What `tidy` returns.
    cells : pandas.DataFrame
        One row per dyad, path and pair of codes: ``dyad``, ``path``, ``given_by``, ``target_by``, ``given``,
        ``target``, ``count``, ``expected``, ``probability`` (of the target given the code before),
        ``adjusted_residual`` (z) and its ``p_value``, ``p_permutation``,
        ``yules_q``, ``log_odds``, ``std_error`` (of the log odds ratio).
    tests : pandas.DataFrame
        One row per dyad and path: ``n_pairs``, ``g2``, ``x2``, ``df``, ``p_value`` (of G2), ``p_permutation``,
        ``note``.
    variable : str
    codes : tuple of str
    lag : int
    lags_lead : str
        Where lags lead: ``within days`` or ``from day to day``; empty where no days are named.
    streams, average_by : str
    repeats : bool
    n_permutations : int
    seed : int
    notes : tuple of str
    """

    averages = InTables()
    cells = InTables()
    tests = InTables()
    variable = InState[str]()
    codes = InState[tuple[str, ...]]()
    lag = InState[int]()
    lags_lead = InState[str]("")
    streams = InState[str]()
    average_by = InState[str]()
    repeats = InState[bool]()
    n_permutations = InState[int]()
    seed = InState[int]()
    figure: ClassVar[str | None] = "lag_sequential"
    rows_shown: ClassVar[int | None] = 10
    person_columns: ClassVar[tuple[str, ...]] = ("given_by", "target_by")

    def tidy(self) -> pd.DataFrame:
        """One row per path and pair of codes: the log odds ratio averaged over dyads.

        ``term``, ``path``, ``given_by``, ``target_by``, ``given``, ``target``, ``estimate``, ``std_error``,
        ``statistic``, ``df``, ``p_value``, ``conf_low``, ``conf_high``, ``yules_q`` (mean over dyads), ``between_sd``
        (of the log odds ratios), ``n_dyads``.
        """
        return self.averages.copy()

    def glance(self) -> pd.DataFrame:
        """One row: dyads, pairs of codes, lag and number of permutations."""
        import pandas as pd

        row = {
            "n_dyads": self.tests["dyad"].nunique(),
            "n_dyads_used": self.tests.loc[self.tests["n_pairs"] > 0, "dyad"].nunique(),
            "n_obs": int(self.tests["n_pairs"].sum()),
            "n_codes": len(self.codes),
            "lag": self.lag,
            "n_permutations": self.n_permutations,
        }
        return pd.DataFrame([row])

    def _headline(self) -> str:
        counts = self.glance().iloc[0]
        return (
            f"Lag-sequential analysis of {self.variable}: lag {self.lag}, {len(self.codes)} codes, "
            f"{counts['n_dyads_used']} of {counted(counts['n_dyads'], 'dyad')}"
        )

    def _methods(self) -> str:
        how = averaging_text(self.average_by)  # type: ignore[arg-type]
        zeros = "" if self.repeats else " Codes cannot follow themselves: structural zeros, fitted by proportions."
        return (
            f"Pairs of codes{' ' if self.lags_lead else ''}{self.lags_lead}, tabled dyad by dyad and never pooled. "
            f"Log odds ratios (.5 added to tables with an empty cell) summarised by {how}.{zeros}"
        )

    def _sections(self) -> Iterable[Section]:
        shown = self.averages.dropna(subset=["p_value"])
        strongest = shown.reindex(shown["statistic"].abs().sort_values(ascending=False).index)
        names = ["term", "estimate", "std_error", "p_value", "conf_low", "conf_high", "yules_q", "n_dyads"]
        yield ("Averages over dyads, the strongest first", strongest[names]) if len(shown) else "No averages."


@dataclass(frozen=True, slots=True)
class _Stream:
    """Two series of codes of one dyad and the pairs of places to table."""

    path: str
    given_by: Hashable
    target_by: Hashable
    given: Array
    target: Array
    pairs: Ints
    possible: Flags
    labels: tuple[str, ...]
    step: int


@dataclass(frozen=True, slots=True)
class _Options:
    lag: int
    streams: str
    repeats: bool
    n_permutations: int
    k: int


@analysis
def lag_sequential(
    panel: DyadPanel,
    variable: Column,
    *,
    bins: Bins = None,
    lag: int = 1,
    streams: Streams = "partners",
    repeats: bool = True,
    average_by: AverageBy = "mean",
    n_permutations: int = 999,
    seed: Any = None,
    n_jobs: int = 1,
) -> LagSequentialResult:
    """Table which code follows which, within and across partners, dyad by dyad.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
        Codes as numbers, or answers to be cut into states by ``bins``.
    bins : int, sequence of float or None, default None
        As in `state_space_grid`.
    lag : int, default 1
        Scheduled occasions between the code that is given and its target: from day to day in a diary of one entry a
        day, else within days.
    streams : {"partners", "turns"}, default "partners"
        ``"partners"``: both members are coded at every occasion; four paths, own and partner's code before.
        ``"turns"``: one of them has the floor at each occasion, and a code is who did what; occasions at
        which both have a code have no order and are left out.
    repeats : bool, default True
        False where a code cannot follow itself in one stream (events coded only when they change): the diagonal of
        own paths, or of turns, is structurally zero. Needs lag 1.
    average_by : {"mean", "random-effects"}, default "mean"
        How the dyads' log odds ratios become one. A log odds ratio is tied to its standard error, which is smallest
        near zero: weights by precision draw the mean towards zero, the plain mean with a t test does not lean on them.
        The random-effects mean (restricted maximum likelihood, intervals by Hartung and Knapp) is for long tables.
    n_permutations : int, default 999
        Of the permutation test per dyad; 0 leaves it out.
    seed : int, SeedSequence, Generator or None
    n_jobs : int, default 1

    Returns
    -------
    LagSequentialResult
        ``tidy()``: averages over dyads; ``cells`` and ``tests``: every dyad. Occasions without an answer leave out the
        pairs they belong to. A dyad without a pair has NaN and a ``note``.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        An option is not known, the lag is below 1, ``repeats=False`` with another lag than 1, turns without roles,
        or too many codes.

    Notes
    -----
    The adjusted residual z and the tests of G2 and X2 take the pairs for independent. Within one person's stream the
    null hypothesis is an order by chance, and so are the permutations (without repeats where there are none). Across
    partners each stream may depend on its own past, which makes z too large: there the permutation test rotates one
    stream against the other (by whole days from 40 days on, which keeps a common rhythm of the day; by occasions
    below), and its p-value is the one to trust. Its smallest value is 1 / (number of rotations + 1).

    References
    ----------
    Bakeman and Gottman (1997), Observing Interaction, 2nd ed. Bakeman and Quera (2011). Haberman (1973), Biometrics 29.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("cycle", n_dyads=3, n_occasions=80, seed=1).panel
    >>> found = rd.coupling.lag_sequential(panel, "warmth", bins=2, n_permutations=49, seed=1)
    >>> len(found.tidy()), len(found.cells)
    (16, 48)
    """
    import pandas as pd

    check_option(streams, _STREAMS, "streams")
    check_option(average_by, AVERAGES, "average_by")
    _check_numbers(lag, repeats, n_permutations)
    by_role = members_by_role(panel)
    if streams == "turns" and not by_role:
        raise DesignError('streams="turns" needs the two roles of the panel in every dyad, to say whose code it is.')
    states = categories_of(panel, variable, bins)
    options = _Options(lag, streams, repeats, n_permutations, len(states.labels))
    known = known_seed(seed)
    tasks = [(pair.dyad, _streams(pair, states, options)) for pair in panel.series(variable)]

    def one(task: tuple[Hashable, list[_Stream]], rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
        return _dyad(task[0], task[1], options, rng)

    done = map_seeded(one, tasks, known, n_jobs, label="dyads")
    cells = pd.DataFrame([row for found, _ in done for row in found])
    tests = pd.DataFrame([row for _, found in done for row in found])
    averages = _averages(cells, by_role, average_by)
    return LagSequentialResult.of(
        averages=averages,
        cells=cells,
        tests=tests,
        variable=variable,
        codes=states.labels,
        lag=lag,
        lags_lead=panel.clock.lags_lead,
        streams=streams,
        average_by=average_by,
        repeats=repeats,
        n_permutations=n_permutations,
        seed=known,
        notes=_remarks(tests, averages, streams),
    )


def _check_numbers(lag: int, repeats: bool, n_permutations: int) -> None:
    check_count(lag, "lag", 1)
    check_switches(repeats=repeats)
    check_optional_count(n_permutations, "n_permutations", "the permutation test")
    if not repeats and lag != 1:
        raise DesignError(f"repeats=False with lag={lag}: only at lag 1 is it known that a code cannot follow itself.")


def _streams(pair: DyadSeries, states: Categories, options: _Options) -> list[_Stream]:
    codes = states.code(pair.values.ravel()).reshape(-1, 2)
    pairs = np.column_stack(pair.lagged(options.lag))
    every = np.ones((options.k, options.k), dtype=bool)
    first, second = pair.names
    days = len(np.unique(pair.day))
    step = len(pair.day) // days if days >= _DAYS and len(pair.day) % days == 0 else 1
    if options.streams == "turns":
        # Two at once have no order, so that neither is a turn.
        alone = np.isfinite(codes).sum(axis=1) == 1
        speaker = np.where(np.isfinite(codes[:, 0]), 0, 1)
        turn = np.where(alone, speaker * options.k + codes[np.arange(len(codes)), speaker], np.nan)
        can = np.ones((2 * options.k, 2 * options.k), dtype=bool)
        if not options.repeats:
            np.fill_diagonal(can, False)
        labels = tuple(f"{name}: {label}" for name in (first, second) for label in states.labels)
        return [_Stream("turns", "", "", turn, turn, pairs, can, labels, step)]
    own = every if options.repeats else ~np.eye(options.k, dtype=bool)
    found = []
    for target, name in ((0, first), (1, second)):
        other = second if target == 0 else first
        series = codes[:, target], codes[:, 1 - target]
        found.append(_Stream("own", name, name, series[0], series[0], pairs, own, states.labels, step))
        found.append(_Stream("partner", other, name, series[1], series[0], pairs, every, states.labels, step))
    return found


def _dyad(
    dyad: Hashable, streams: list[_Stream], options: _Options, rng: np.random.Generator
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from scipy import stats

    cells: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    for stream in streams:
        k = len(stream.possible)
        earlier, later = stream.pairs.T if len(stream.pairs) else (np.zeros(0, int), np.zeros(0, int))
        count = measures.count_pairs(stream.given[earlier], stream.target[later], k)
        forbidden = float(count[~stream.possible].sum())
        count = np.where(stream.possible, count, 0.0)
        table = measures.sequence_table(count, stream.possible)
        permuted = _permuted(stream, earlier, later, options, rng) if count.sum() else np.zeros((0, k, k))
        p_cells, p_table = measures.permutation_p(count, permuted, stream.possible)
        who: dict[str, Any] = {
            "dyad": dyad,
            "path": stream.path,
            "given_by": stream.given_by,
            "target_by": stream.target_by,
        }
        for given, target in np.ndindex(k, k):
            values = {name: float(getattr(table, name)[given, target]) for name in _CELL}
            p_value = float(2 * stats.norm.sf(abs(values["adjusted_residual"])))
            named = {"given": stream.labels[given], "target": stream.labels[target]}
            cells.append({**who, **named, **values, "p_value": p_value, "p_permutation": float(p_cells[given, target])})
        tests.append(
            {
                **who,
                "n_pairs": int(count.sum()),
                "g2": table.g2 if table.df > 0 else float("nan"),
                "x2": table.x2 if table.df > 0 else float("nan"),
                "df": table.df,
                "p_value": float(stats.chi2.sf(table.g2, table.df)) if table.df > 0 else float("nan"),
                "p_permutation": p_table if table.df > 0 else float("nan"),
                "note": _note(count, table.df, forbidden),
            }
        )
    return cells, tests


def _permuted(stream: _Stream, earlier: Ints, later: Ints, options: _Options, rng: np.random.Generator) -> Array:
    k, n = len(stream.possible), options.n_permutations
    if n == 0 or not len(earlier):
        return np.zeros((0, k, k))
    if stream.path == "partner":
        given = measures.circular_shifts(stream.given, stream.step, n, rng)
        return measures.count_pairs(
            given[:, earlier], np.broadcast_to(stream.target[later], (len(given), len(later))), k
        )
    if stream.possible.all():
        drawn = measures.shuffles(stream.given, n, rng)
    else:
        drawn = measures.shuffles_without_repeats(stream.given, stream.pairs, n, rng)
    return np.where(stream.possible, measures.count_pairs(drawn[:, earlier], drawn[:, later], k), 0.0)


def _note(count: Array, df: int, forbidden: float) -> str:
    notes = []
    if not count.sum():
        notes.append("no pair of coded occasions a lag apart")
    elif df < 1:
        notes.append("codes vary too little for a test")
    if forbidden:
        notes.append(f"{forbidden:.0f} repeats left out although none should occur")
    return "; ".join(notes)


def _averages(cells: pd.DataFrame, by_role: bool, by: AverageBy) -> pd.DataFrame:
    """One row per path and pair of codes; partners who cannot be told apart are averaged within their dyad first."""
    import pandas as pd

    who = ["given_by", "target_by"] if by_role else []
    key = ["path", *who, "given", "target"]
    rows = []
    for named, part in cells.groupby(key, sort=False, dropna=False):
        log_odds, error, q = (part[name].to_numpy(dtype=float) for name in ("log_odds", "std_error", "yules_q"))
        dyads = part["dyad"].tolist()
        found = pool(log_odds, error, dyads, pooling_of(by)).row()
        label = dict(zip(key, named, strict=True))
        rows.append(
            {
                "term": _term(label),
                **{name: label.get(name, "") for name in ("path", "given_by", "target_by", "given", "target")},
                **{name: found[name] for name in _INFERENCE},
                "yules_q": pool(q, cluster=dyads).row()["estimate"],
                "between_sd": found["between_sd"],
                "n_dyads": int(found["n"]),
            }
        )
    return pd.DataFrame(rows)


def _term(label: dict[str, Any]) -> str:
    if label["path"] == "turns":
        return f"{label['given']} -> {label['target']}"
    given = label.get("given_by", "self" if label["path"] == "own" else "partner")
    return f"{given} {label['given']} -> {label.get('target_by', 'self')} {label['target']}"


def _remarks(tests: pd.DataFrame, averages: pd.DataFrame, streams: str) -> tuple[str, ...]:
    notes = []
    silent = tests.loc[tests["n_pairs"] == 0, "dyad"].nunique()
    if silent:
        notes.append(
            f"{counted(silent, 'dyad')} {agreeing(silent, 'has', 'have')} a path without any pair of coded occasions."
        )
    repeated = int(tests["note"].str.contains("repeats left out").sum())
    if repeated:
        notes.append(
            f"repeats were left out of {counted(repeated, 'table')} although none should occur: see the notes of "
            "`tests`."
        )
    if streams == "partners" and (tests["path"] == "partner").any():
        notes.append("z across partners is too large where each depends on its own past: trust p_permutation there.")
    alone = int(averages["conf_low"].isna().sum())
    if alone:
        notes.append(
            f"{alone} of {counted(len(averages), 'average')} {agreeing(alone, 'has', 'have')} no interval: fewer than "
            "two dyads have a log odds ratio there, or all have the same."
        )
    return tuple(notes)
