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

from reldyn.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._estimates import Estimates
    from reldyn.actor_partner.model._terms import DesignColumn
    from reldyn.mixed import Random
    from reldyn.panel import DyadPanel

__all__ = ["ENOUGH_WAVES", "OutcomePast", "has_levels", "outcome_past", "untested_rows", "without_tests"]

# From this many usable occasions per person on, the bias of a centred lag is below about .15 and is only reported.
ENOUGH_WAVES = 10
# Columns are compared with lags of up to so many occasions, whatever they are called.
STEPS = 3
# Rows that are compared first.
PROBE = 1000
# Dyads that are looked at first where means are compared.
DYADS = 50
# Pairs of rows that are compared before all others.
PAIRS = 50
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
    panel: DyadPanel, outcome: str, names: Iterable[str], centering: Mapping[str, str], *, levels: bool
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
        spoken.append(_centred_note(name, waves))
    for name in raw:
        waves = _waves(panel, values, panel.values(name))
        if not levels or waves < ENOUGH_WAVES:
            remarks.append(_raw_note(name))
    spoken += [_mean_note(name, what) for name in names if name not in forms and (what := lags.mean_of(name))]
    return OutcomePast(tuple(forms), tuple(untested), tuple(spoken), tuple(remarks))


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
        self._first_pairs: dict[tuple[int, bool], tuple[Any, Any, Any, float]] = {}
        self._first_lags: dict[tuple[int, bool, bytes], NDArray[np.float64]] = {}

    def at(self, steps: int, rows: NDArray[np.int64], *, partner: bool = False) -> NDArray[np.float64]:
        """The own or the partner's outcome so many scheduled occasions before these rows."""
        index = self.panel.index
        beep, member = index.beep[rows] - steps, index.member[rows]
        inside = (beep >= 0) & (beep < index.n_beeps)
        occasion = np.where(inside, index.occasion[rows] - steps, 0)
        found = np.where(inside, index.find(index.dyad[rows], 1 - member if partner else member, occasion), -1)
        return np.where(found >= 0, self.values[np.maximum(found, 0)], np.nan)

    def _differs(self, x: NDArray[np.float64], steps: int, partner: bool) -> bool:
        """Whether some rows already say that a column does not move with this lag within persons."""
        later, earlier, move, nothing = self._pairs(steps, partner)
        return bool((np.abs(x[later] - x[earlier] - move) > nothing).any())

    def _pairs(self, steps: int, partner: bool) -> tuple[Any, Any, Any, float]:
        """Pairs of rows of one person, how the lag moves between them, and what counts as rounding."""
        key = (steps, partner)
        if key not in self._first_pairs:
            rows = np.arange(min(PROBE, len(self.values)))
            lag = self.at(steps, rows, partner=partner)
            rows, lag = rows[np.isfinite(lag)], lag[np.isfinite(lag)]
            order = np.argsort(self.panel.index.person[rows], kind="stable")
            person = self.panel.index.person[rows[order]]
            at = np.flatnonzero(person[1:] == person[:-1])[:PAIRS]
            seen = self.values[np.isfinite(self.values)]
            nothing = 4.0 * ALIKE * (_largest(seen) if len(seen) else 1.0)
            later, earlier = order[at + 1], order[at]
            self._first_pairs[key] = (rows[later], rows[earlier], lag[later] - lag[earlier], nothing)
        return self._first_pairs[key]

    def _probed(self, steps: int, rows: NDArray[np.int64], partner: bool) -> NDArray[np.float64]:
        """`at` for the rows that are compared first, which are the same for most columns."""
        key = (steps, partner, rows.tobytes())
        if key not in self._first_lags:
            self._first_lags[key] = self.at(steps, rows, partner=partner)
        return self._first_lags[key]

    def form_of(self, name: str) -> str:
        """``raw`` or ``within`` for a lag of the outcome as it stands or less its person mean; empty for others."""
        x, person = self.panel.values(name), self.panel.index.person
        seen = np.flatnonzero(np.isfinite(x))
        probe = seen[:PROBE]
        for steps in range(1, STEPS + 1):
            for partner in (False, True):
                if self._differs(x, steps, partner):
                    continue
                # A few rows reject almost every column that is none.
                for rows in (probe, seen):
                    lag = self._probed(steps, rows, partner) if rows is probe else self.at(steps, rows, partner=partner)
                    form = _form(x[rows], lag, person[rows])
                    if not form:
                        break
                if form in ("raw", "within"):
                    return form
        # As `DyadPanel.lag` names it, however many occasions back and however few of its values there are.
        return "raw" if re.fullmatch(re.escape(self.outcome) + r"(_lag\d+)+", name) else ""

    def mean_of(self, name: str) -> str:
        """What a column that does not change within persons is the mean of; empty where it is none."""
        x = self.panel.values(name)
        person = self.panel.index.person
        n = int(person.max()) + 1
        seen = np.flatnonzero(np.isfinite(x))
        if not len(seen) or _varies_within(x[seen[:PROBE]], person[seen[:PROBE]], n, 2.0 * ALIKE * _largest(x[seen])):
            return ""
        if not self._like_a_mean(x):
            return ""
        of_person = _person_means(x, person, n)
        if not _same(x[seen], of_person[person][seen], x[seen]):
            return ""
        for what, own, other in self._means:
            targets = {"the person's": own, "the partner's": other, "the dyad's": 0.5 * (own + other)}
            for whose, target in targets.items():
                if _proportional(of_person, target):
                    return f"{whose} mean of {what}"
        return ""

    def _like_a_mean(self, x: NDArray[np.float64]) -> bool:
        """Whether a column may be such a mean, judged by the first dyads: others need not be looked at then.

        What is a linear function of a mean for all persons is one for some of them, and leaves no more of them over.
        """
        index, n = self.panel.index, int(self.panel.index.person.max()) + 1
        if index.n_dyads <= DYADS:
            return True
        rows, means = self._first_means
        if not np.isfinite(x[rows]).all():
            return True
        of_person = _person_means(x[rows], index.person[rows], n)
        spread = float(np.nanmax(x) - np.nanmin(x))
        nothing = 4.0 * ALIKE * (0.25 * n * spread**2)
        return any(_left_over(of_person, target) <= nothing for target in means)

    @cached_property
    def _first_means(self) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
        """Rows of the first dyads, and the means of `_means` and of dyads there."""
        rows = np.flatnonzero(self.panel.index.dyad < DYADS)
        found = []
        for _, own, other in self._means_of(rows):
            found += [own, other, 0.5 * (own + other)]
        return rows, found

    @cached_property
    def _means(self) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
        return self._means_of(np.arange(len(self.values)))

    def _means_of(self, rows: NDArray[np.int64]) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
        """Each person's mean of the outcome and of its lag in some rows, and the partner's."""
        index = self.panel.index
        n = int(index.person.max()) + 1
        dyad, member, person = index.dyad[rows], index.member[rows], index.person[rows]
        found = []
        for what, values in (("the outcome", self.values[rows]), ("the lagged outcome", self.at(1, rows))):
            own = _person_means(values, person, n)
            table = np.full((index.n_dyads, 2), np.nan)
            table[dyad, member] = own[person]
            other = np.full(n, np.nan)
            other[person] = table[dyad, 1 - member]
            found.append((what, own, other))
        return found


def _left_over(x: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Sum of squares of a column about its regression on a target."""
    both = np.isfinite(x) & np.isfinite(target)
    if both.sum() < FEWEST:
        return 0.0
    a, b = x[both] - x[both].mean(), target[both] - target[both].mean()
    return float(a @ a - (a @ b) ** 2 / max(float(b @ b), np.finfo(float).tiny))


def _form(x: NDArray[np.float64], lag: NDArray[np.float64], person: NDArray[np.int64]) -> str:
    """``raw`` where both differ by a constant, ``within`` where they do by one per person, else empty.

    ``undecided`` where too few values can be compared, or the lag does not vary.
    """
    both = np.isfinite(x) & np.isfinite(lag)
    x, lag, person = x[both], lag[both], person[both]
    if len(x) < FEWEST or np.ptp(lag) <= ALIKE * np.abs(lag).max():
        return "undecided"
    gap = x - lag
    if _same(gap, np.full(len(gap), gap.mean()), lag):
        return "raw"
    count = np.bincount(person)
    filled = np.maximum(count, 1)
    if not _same(gap, (np.bincount(person, weights=gap) / filled)[person], lag):
        return ""
    around = lag - (np.bincount(person, weights=lag) / filled)[person]
    informative = len(x) - np.count_nonzero(count) >= FEWEST and np.abs(around).max() > ALIKE * np.abs(lag).max()
    return "within" if informative else "undecided"


def _same(a: NDArray[np.float64], b: NDArray[np.float64], scale: NDArray[np.float64]) -> bool:
    return float(np.abs(a - b).max()) <= ALIKE * _largest(scale)


def _largest(values: NDArray[np.float64]) -> float:
    return max(float(values.max()), -float(values.min()), float(np.finfo(float).tiny))


def _varies_within(x: NDArray[np.float64], person: NDArray[np.int64], n: int, least: float) -> bool:
    """Whether a person has two values further apart than this."""
    first = np.empty(n)
    first[person[::-1]] = x[::-1]
    return bool(np.abs(x - first[person]).max() > least)


def _person_means(values: NDArray[np.float64], person: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    seen = np.isfinite(values)
    if not seen.all():
        person, values = person[seen], values[seen]
    count = np.bincount(person, minlength=n)
    total = np.bincount(person, weights=values, minlength=n)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _proportional(x: NDArray[np.float64], target: NDArray[np.float64]) -> bool:
    """Whether a column is the target up to units and zero."""
    both = np.isfinite(x) & np.isfinite(target)
    # Two or three values of a mean may agree with a code by accident.
    if both.sum() < FEWEST or len(np.unique(target[both])) < FEWEST:
        return False
    a, b = x[both] - x[both].mean(), target[both] - target[both].mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    return length > 0.0 and abs(float(a @ b)) >= (1.0 - ALIKE) * length


def _waves(panel: DyadPanel, values: NDArray[np.float64], lag: NDArray[np.float64]) -> float:
    """Mean number of occasions with the outcome and its lag, of persons who have two or more."""
    usable = np.isfinite(values) & np.isfinite(lag)
    count = np.bincount(panel.index.person[usable])
    count = count[count > 1]
    return float(count.mean()) if len(count) else 1.0


def _centred_note(name: str, waves: float) -> str:
    short = waves < ENOUGH_WAVES
    size = f"{-1.0 / waves:.2f} where phi = 0 and {-1.5 / waves:.2f} where phi = .5"
    what = (
        " A positive stability can come out as zero or negative, with intervals that leave the truth out: statistics "
        f"and p-values of the lag are withheld below {ENOUGH_WAVES} usable occasions."
        if short
        else ""
    )
    return (
        f"{name!r} is a lag of the outcome centred at person means, which hold the outcome itself: its stability is "
        f"biased downwards by about -(1 + phi) / T (Nickell, 1981); with T = {waves:.3g} usable occasions per "
        f"person that is {size}.{what} residual='var1' without the lagged predictor estimates the same carry-over "
        "without this bias."
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
