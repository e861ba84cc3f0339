"""The outcome's own past among the terms: lags of the outcome, means of the outcome, and what both do to a model.

A lag that is centred at person means is biased in short series (Nickell, 1981); an uncentred one holds the person's
stable level. The mean of a lag is the mean of the outcome: it has no place among the terms that explain it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DesignError
from reldyn.stats import cluster_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._estimates import Estimates
    from reldyn.actor_partner.model._terms import DesignColumn
    from reldyn.mixed import Estimation, Random
    from reldyn.panel import DyadPanel

__all__ = [
    "ENOUGH_WAVES",
    "OutcomePast",
    "has_levels",
    "outcome_past",
    "refuse_incomplete_past",
    "untested_rows",
    "without_tests",
]

# From this many usable occasions per person on, the bias of a centred lag is below about .15 and is only reported.
ENOUGH_WAVES = 10
# Columns are compared with lags of up to so many occasions, whatever they are called.
STEPS = 3
# Rows that are compared first, and dyads whose means are.
PROBE = 1000
DYADS = 50
# Fewer comparable values say nothing about what a column is.
FEWEST = 5
ALIKE = 1e-9


@dataclass(frozen=True)
class OutcomePast:
    """What the terms of a model hold of the outcome's past.

    Attributes
    ----------
    lags : tuple of str
        Columns that are a lag of the outcome (the own or the partner's).
    untested : tuple of str
        Those whose statistics and p-values are withheld.
    spoken, remarks : tuple of str
        What is said as a warning, and what only stands among the notes of the result.
    """

    lags: tuple[str, ...]
    untested: tuple[str, ...]
    spoken: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """All that stands among the notes of the result."""
        return (*self.spoken, *self.remarks)

    def with_spoken(self, more: tuple[str, ...]) -> OutcomePast:
        """The same with further warnings."""
        return dataclasses.replace(self, spoken=(*self.spoken, *more))

    def with_remarks(self, more: tuple[str, ...]) -> OutcomePast:
        """The same with further remarks."""
        return dataclasses.replace(self, remarks=(*self.remarks, *more))


def has_levels(random: Random) -> bool:
    """Whether persons or dyads have levels of their own: a random intercept."""
    return any((term if isinstance(term, str) else term.name) == "intercept" for term in random.terms)


def outcome_past(
    panel: DyadPanel,
    outcome: str,
    names: Iterable[str],
    centering: Mapping[str, str],
    *,
    levels: bool,
    marginal: bool = False,
) -> OutcomePast:
    """Find the outcome's past among the columns of a model, and say what it does there.

    Parameters
    ----------
    panel : DyadPanel
    outcome : str
    names : iterable of str
        Columns of predictors, covariates and moderators.
    centering : mapping of str to str
        Of the predictors; other columns enter as they stand.
    levels : bool
        Whether the model has random intercepts. Without them an uncentred lag mixes levels and carry-over in long
        series too.
    marginal : bool
        Whether the model has no residual process that could take the lag's place.

    Returns
    -------
    OutcomePast
        Empty for a panel with one occasion.
    """
    if panel.index.cells < 2:
        return OutcomePast((), (), (), ())
    names = [name for name in dict.fromkeys(names) if name != "intercept" and is_numeric(panel, name)]
    values = panel.values(outcome)
    lags = _Lags(panel, outcome, values)
    forms = {name: form for name in names if (form := lags.form_of(name))}
    split = ("within-between", "three-level")
    centred = [n for n, form in forms.items() if form == "within" or centering.get(n) in split]
    raw = [name for name in forms if name not in centred]
    untested: list[str] = []
    spoken: list[str] = []
    remarks: list[str] = []
    for name in centred:
        waves = _waves(panel, values, panel.values(name))
        untested += [name] if waves < ENOUGH_WAVES else []
        spoken.append(_centred_note(name, waves, marginal=marginal))
    for name in raw:
        waves = _waves(panel, values, panel.values(name))
        if not levels or waves < ENOUGH_WAVES:
            remarks.append(_raw_note(name))
    spoken += [_mean_note(name, what) for name in names if name not in forms and (what := lags.mean_of(name))]
    return OutcomePast(tuple(forms), tuple(untested), tuple(spoken), tuple(remarks))


def refuse_incomplete_past(lags: Sequence[str], estimation: Estimation) -> None:
    """Refuse a lag of the outcome among predictors that are imputed or modelled.

    The outcome would enter twice, once as itself and once as a variable that happens to be missing in the first wave:
    with two waves a stability of .40 came out as .70.

    Raises
    ------
    DesignError
    """
    if lags and estimation.missing != "available":
        raise DesignError(
            f"{lags[0]!r} is the outcome at an earlier occasion, and missing={estimation.missing!r} treats it as a "
            "variable of its own, missing at every first occasion: stability would be far too large. Use "
            "missing='available', or rd.actor_partner.over_time, which takes missing waves by likelihood from three "
            "waves on."
        )


def is_numeric(panel: DyadPanel, name: str) -> bool:
    """Whether a column can be compared with the outcome; others are refused elsewhere, with their reason."""
    try:
        panel.values(name)
    except DataError:
        return False
    return True


class _Lags:
    """Compares columns with lags and means of one outcome."""

    def __init__(self, panel: DyadPanel, outcome: str, values: NDArray[np.float64]) -> None:
        self.panel, self.outcome, self.values = panel, outcome, values
        self._few: dict[bytes, _FewLags] = {}

    def at(self, steps: int, rows: NDArray[np.int64] | slice, *, partner: bool = False) -> NDArray[np.float64]:
        """The own or the partner's outcome so many scheduled occasions before these rows."""
        found = self.panel.index.earlier_row(steps, of_partner=partner, rows=rows)
        return np.where(found >= 0, self.values[found], np.nan)

    def form_of(self, name: str) -> str:
        """``raw`` or ``within`` for a lag of the outcome as it stands or less its person mean; empty for others."""
        x, person = self.panel.values(name), self.panel.index.person
        few = np.flatnonzero(np.isfinite(x[: 2 * PROBE]))[:PROBE]
        if len(few) < PROBE:
            few = np.flatnonzero(np.isfinite(x))[:PROBE]
        # A few rows reject almost every column that is none.
        for steps, partner in self._comparable(few).possible(x):
            seen = np.flatnonzero(np.isfinite(x))
            form = _form(x[seen], self.at(steps, seen, partner=partner), person[seen])
            if form in ("raw", "within"):
                return form
        # As `DyadPanel.lag` names it, however many occasions back and however few of its values there are.
        return "raw" if re.fullmatch(re.escape(self.outcome) + r"(_lag\d+)+", name) else ""

    def _comparable(self, rows: NDArray[np.int64]) -> _FewLags:
        """Lags on a few rows, found once for all columns that are present there."""
        key = rows.tobytes()
        if key not in self._few:
            which = [(steps, partner) for steps in range(1, STEPS + 1) for partner in (False, True)]
            lags = [self.at(steps, rows, partner=partner) for steps, partner in which]
            self._few[key] = _few_lags(which, lags, rows, self.panel.index.person[rows])
        return self._few[key]

    def mean_of(self, name: str) -> str:
        """What a column that does not change within persons is the mean of; empty where it is none."""
        of_person = _levels(self.panel.values(name), self.panel.index.person, self.panel.index.n_persons)
        if of_person is None or not self._may_be_mean(of_person):
            return ""
        return next((what for what, mean in self._means.items() if _proportional(of_person, mean)), "")

    def _may_be_mean(self, of_person: NDArray[np.float64]) -> bool:
        """Whether a few dyads allow that these levels are `_proportional` to a mean.

        Where they are, what a straight line leaves over all persons is next to nothing, so over some of them too.
        """
        persons, means = self._few_means
        levels = of_person[persons]
        if not len(levels) or not np.isfinite(levels).all():
            return True
        levels = levels - levels.mean()
        left = levels @ levels - (means @ levels) ** 2
        whole = of_person[np.isfinite(of_person)]
        return bool(left.min() <= 4.0 * ALIKE * float(((whole - whole.mean()) ** 2).sum()))

    @cached_property
    def _few_means(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Persons of a few dyads, and the means of them as rows of mean 0 and length 1."""
        index = self.panel.index
        rows = np.arange(len(index.dyad)) if index.n_dyads <= DYADS else np.flatnonzero(index.dyad < DYADS)
        means = np.array(list(self._means_on(rows).values()))
        persons = np.flatnonzero(np.isfinite(means).all(axis=0))
        means = means[:, persons]
        if means.size:
            means = means - means.mean(axis=1, keepdims=True)
            means /= np.maximum(np.sqrt((means**2).sum(axis=1, keepdims=True)), np.finfo(float).tiny)
        return persons, means

    @cached_property
    def _means(self) -> dict[str, NDArray[np.float64]]:
        """Means of the outcome and of its lag, one value per person."""
        return self._means_on(slice(None))

    def _means_on(self, rows: NDArray[np.int64] | slice) -> dict[str, NDArray[np.float64]]:
        """The same of some rows, which hold all of the persons that they hold; missing for others."""
        index = self.panel.index
        person, n = index.person[rows], index.n_persons
        dyad, member, means = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64), {}
        dyad[person], member[person] = index.dyad[rows], index.member[rows]
        for what, values in {"the outcome": self.values[rows], "the lagged outcome": self.at(1, rows)}.items():
            own = np.full(n, np.nan)
            found = cluster_means(values, person)
            own[: len(found)] = found
            of_member = np.full((index.n_dyads, 2), np.nan)
            present = np.flatnonzero(np.isfinite(own))
            of_member[dyad[present], member[present]] = own[present]
            other = np.full(n, np.nan)
            of_rows = np.unique(person) if isinstance(rows, np.ndarray) else slice(None)
            other[of_rows] = of_member[dyad[of_rows], 1 - member[of_rows]]
            means[f"the person's mean of {what}"] = own
            means[f"the partner's mean of {what}"] = other
            means[f"the dyad's mean of {what}"] = 0.5 * (own + other)
        return means


@dataclass(frozen=True)
class _FewLags:
    """All lags on a few rows, one after the other, without missing values.

    Attributes
    ----------
    which : tuple of (int, bool)
        Steps of each lag, and whether it is the partner's.
    begin : (lags,) int array
        Where the values of each lag begin.
    rows : (m,) int array
        Row of each value in the panel.
    lag : (m,) array
    first : (m,) int array
        Place of one value of the same lag and person.
    limit : (lags,) array
        How far apart a person's differences from a column may be; infinite where nothing can be said.
    """

    which: tuple[tuple[int, bool], ...]
    begin: NDArray[np.int64]
    rows: NDArray[np.int64]
    lag: NDArray[np.float64]
    first: NDArray[np.int64]
    limit: NDArray[np.float64]

    def possible(self, x: NDArray[np.float64]) -> list[tuple[int, bool]]:
        """Lags that a column, present on these rows, may be, as far as these rows say."""
        if not self.which:
            return []
        gap = x[self.rows] - self.lag
        apart = np.maximum.reduceat(np.abs(gap - gap[self.first]), self.begin)
        return [which for which, sound in zip(self.which, apart <= self.limit, strict=True) if sound]


def _few_lags(
    which: list[tuple[int, bool]],
    lags: list[NDArray[np.float64]],
    rows: NDArray[np.int64],
    person: NDArray[np.int64],
) -> _FewLags:
    begin, limit, parts = [0], [], []
    for lag in lags:
        there = np.flatnonzero(np.isfinite(lag))
        values, of = lag[there], person[there]
        largest = float(np.abs(values).max(initial=0.0))
        told = len(there) >= FEWEST and float(np.ptp(values)) > ALIKE * largest
        if not told:
            # One value stands for a lag of which nothing can be said, so that none is empty.
            there, values, of = np.zeros(1, dtype=np.int64), np.zeros(1), np.zeros(1, dtype=np.int64)
        one = np.empty(int(of.max()) + 1, dtype=np.int64)
        one[of] = np.arange(len(of))
        # Two values may each be off by as much as one may be.
        limit.append(2.0 * ALIKE * largest if told else np.inf)
        parts.append((rows[there] if len(rows) else there, values, begin[-1] + one[of]))
        begin.append(begin[-1] + len(values))
    if not len(rows):
        return _FewLags((), *(np.zeros(0, dtype=np.int64),) * 2, np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0))
    return _FewLags(
        tuple(which),
        np.array(begin[:-1]),
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]),
        np.array(limit),
    )


def _form(x: NDArray[np.float64], lag: NDArray[np.float64], person: NDArray[np.int64]) -> str:
    """``raw`` where both differ by a constant, ``within`` where they do by one per person, else empty.

    ``undecided`` where too few values can be compared, or the lag does not vary.
    """
    both = np.isfinite(x) & np.isfinite(lag)
    x, lag, person = x[both], lag[both], person[both]
    if len(x) < FEWEST or np.ptp(lag) <= ALIKE * np.abs(lag).max():
        return "undecided"
    gap = x - lag
    if _same(gap, gap.mean(), lag):
        return "raw"
    count = np.bincount(person)
    if not _same(gap, np.bincount(person, weights=gap)[person] / count[person], lag):
        return ""
    around = lag - np.bincount(person, weights=lag)[person] / count[person]
    informative = len(x) - np.count_nonzero(count) >= FEWEST and np.abs(around).max() > ALIKE * np.abs(lag).max()
    return "within" if informative else "undecided"


def _same(a: NDArray[np.float64], b: NDArray[np.float64] | np.float64, scale: NDArray[np.float64]) -> bool:
    largest = max(float(np.abs(scale).max()), np.finfo(float).tiny)
    return float(np.abs(a - b).max()) <= ALIKE * largest


def _levels(x: NDArray[np.float64], person: NDArray[np.int64], n_persons: int) -> NDArray[np.float64] | None:
    """The value of each person, missing where there is none; None for what changes within persons."""
    finite = np.isfinite(x)
    if not finite.all():
        x, person = x[finite], person[finite]
    if not len(x):
        return None
    # Two values may each be off by as much as one may be.
    limit = 2.0 * ALIKE * max(float(x.max()), -float(x.min()), np.finfo(float).tiny)
    of_person = np.full(n_persons, np.nan)
    # A few rows reject almost every column that changes.
    for rows in (slice(PROBE), slice(None)):
        values, who = x[rows], person[rows]
        of_person[who] = values
        if float(np.abs(values - of_person[who]).max()) > limit:
            return None
    return of_person


def _proportional(x: NDArray[np.float64], target: NDArray[np.float64]) -> bool:
    """Whether a column is the target up to units and zero."""
    both = np.isfinite(x) & np.isfinite(target)
    if np.count_nonzero(both) < FEWEST:
        return False
    a, b = x[both], target[both]
    a, b = a - a.mean(), b - b.mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    # Two or three values of a mean may agree with a code by accident.
    return length > 0.0 and abs(float(a @ b)) >= (1.0 - ALIKE) * length and len(np.unique(target[both])) >= FEWEST


def _waves(panel: DyadPanel, values: NDArray[np.float64], lag: NDArray[np.float64]) -> float:
    """Mean number of occasions with the outcome and its lag, of persons who have two or more."""
    usable = np.isfinite(values) & np.isfinite(lag)
    count = np.bincount(panel.index.person[usable])
    count = count[count > 1]
    return float(count.mean()) if len(count) else 1.0


def _centred_note(name: str, waves: float, *, marginal: bool) -> str:
    short = waves < ENOUGH_WAVES
    size = f"{-1.0 / waves:.2f} where phi = 0 and {-1.5 / waves:.2f} where phi = .5"
    what = (
        " A positive stability can come out as zero or negative, with intervals that leave the truth out: statistics "
        f"and p-values of the lag are withheld below {ENOUGH_WAVES} usable occasions."
        if short
        else ""
    )
    instead = (
        ""
        if marginal
        else " residual='var1' without the lagged predictor estimates the same carry-over without this bias."
    )
    return (
        f"{name!r} is a lag of the outcome centred at person means, which hold the outcome itself: its stability is "
        f"biased downwards by about -(1 + phi) / T (Nickell, 1981); with T = {waves:.3g} usable occasions per "
        f"person that is {size}.{what}{instead}"
    )


def _raw_note(name: str) -> str:
    return (
        f"{name!r} is a lag of the outcome that is not centred at person means: besides what carries over it holds "
        "the person's stable level. Where persons differ in level its stability is too large in short series; read it "
        "as the regression on the past, not as carry-over within persons."
    )


def _mean_note(name: str, what: str) -> str:
    return (
        f"{name!r} is {what}, which explains differences between persons by themselves (a slope of 1 and an intercept "
        "variance of 0, or a correlation of -1): leave it out."
    )


def without_tests(estimates: Estimates, columns: Sequence[DesignColumn], untested: Sequence[str]) -> Estimates:
    """Withhold the p-values of coefficients of the named variables; what rests on them withholds its own."""
    touched = np.array([bool(column.term.variable) and column.term.variable in untested for column in columns])
    if not touched.any():
        return estimates
    return dataclasses.replace(estimates, p_value=np.where(touched, np.nan, estimates.p_value))


def untested_rows(p_value: NDArray[np.float64], weights: Any) -> NDArray[np.bool_]:
    """Whether each row of weights touches a coefficient without a test."""
    return np.asarray((np.atleast_2d(weights)[:, np.isnan(p_value)] != 0).any(axis=1))
