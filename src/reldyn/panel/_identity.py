"""Who is who: integer codes for dyads and persons, factorised once and shared by all checks and verbs.

Two habits of naming persons meet in dyadic files: an id that is unique in the study, and a label
that only tells the members of one dyad apart (1/2, f/m), repeated in every dyad. Both become
person codes that are unique across dyads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reldyn._types import Ints

# Two labels that name at least this share of all dyad-person pairs are labels within the dyad; a
# person who strays into a second dyad leaves the two commonest ids far below it.
_WITHIN_SHARE = 0.8


@dataclass(frozen=True, eq=False)
class Identity:
    """Integer codes of dyads and persons; a missing id has code -1.

    Attributes
    ----------
    dyad_codes : ndarray of int, shape (rows,)
        Position of each row's dyad in `dyad_labels`.
    dyad_labels : ndarray, shape (dyads,)
        The ids as they stand in the file, sorted where they can be.
    person_codes : ndarray of int, shape (rows,)
        Position of each row's person in `person_labels`; unique across dyads.
    person_labels : ndarray, shape (persons,)
        The ids as they stand in the file; repeated over dyads when `within_dyad`.
    within_dyad : bool
        The person column only tells the members of one dyad apart.
    """

    dyad_codes: Ints
    dyad_labels: npt.NDArray[Any]
    person_codes: Ints
    person_labels: npt.NDArray[Any]
    within_dyad: bool

    @property
    def n_dyads(self) -> int:
        """Number of distinct dyads."""
        return len(self.dyad_labels)

    @property
    def n_persons(self) -> int:
        """Number of distinct persons."""
        return len(self.person_labels)

    def person_dyads(self) -> Ints:
        """Dyad code of each person: that of the person's last row where there are several, -1 where there is none."""
        dyads = np.full(self.n_persons, -1, dtype=np.intp)
        known = (self.person_codes >= 0) & (self.dyad_codes >= 0)
        everywhere = bool(known.all())
        dyads[self.person_codes if everywhere else self.person_codes[known]] = (
            self.dyad_codes if everywhere else self.dyad_codes[known]
        )
        return dyads

    def members(self) -> Ints:
        """Number of each person within the dyad, from 0, in the order of person codes; -1 without a dyad."""
        dyads = self.person_dyads()
        order = np.argsort(dyads, kind="stable")
        ordered = dyads[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.empty(0, np.intp)
        sizes = np.diff(np.r_[starts, len(ordered)])
        members = np.empty(self.n_persons, dtype=np.intp)
        members[order] = np.arange(len(ordered)) - np.repeat(starts, sizes)
        members[dyads < 0] = -1
        return members


def identify(dyad_values: Any, person_values: Any) -> Identity:
    """Code dyads and persons, recognising labels that only hold within a dyad.

    Parameters
    ----------
    dyad_values, person_values : array-like, shape (rows,)
        Ids of any one type; missing ids get code -1.

    Returns
    -------
    Identity
        With at least two dyads, a person column whose two commonest labels name at least 80 % of
        all dyad-person pairs numbers members within the dyad: `within_dyad` is then true and the
        person codes count dyad-label pairs, ordered by dyad, then label.

    Examples
    --------
    >>> identify([7, 7, 9, 9], [1, 2, 1, 2]).person_codes
    array([0, 1, 2, 3])
    >>> identify([7, 7, 9, 9], ["a", "b", "c", "d"]).within_dyad
    False
    """
    dyad_codes, dyad_labels = factorize(dyad_values)
    person_codes, person_labels = factorize(person_values)
    identity = Identity(dyad_codes, dyad_labels, person_codes, person_labels, within_dyad=False)
    if len(dyad_labels) < 2 or not _strays(identity):
        return identity
    known = (dyad_codes >= 0) & (person_codes >= 0)
    n_labels = len(person_labels)
    pair_codes = np.where(known, dyad_codes * n_labels + person_codes, -1)
    pairs = _sorted_unique(pair_codes[known], len(dyad_labels) * n_labels)
    counts = np.bincount(pairs % n_labels, minlength=n_labels)
    if np.sort(counts)[-2:].sum() < _WITHIN_SHARE * len(pairs):
        return identity
    codes = np.where(known, np.searchsorted(pairs, pair_codes), -1).astype(np.intp, copy=False)
    return Identity(dyad_codes, dyad_labels, codes, person_labels[pairs % n_labels], within_dyad=True)


def factorize(values: Any) -> tuple[Ints, npt.NDArray[Any]]:
    """Integer codes (-1: missing) and the sorted labels; labels that cannot be sorted keep their order in the file."""
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    try:
        codes, labels = pd.factorize(series, sort=True)
    except TypeError:
        # Unhashable or unsortable ids (lists, mixed types) are told apart by how they are written.
        written = series.map(repr, na_action="ignore")
        codes, labels = pd.factorize(written, sort=True)
    return np.asarray(codes, dtype=np.intp), np.asarray(labels)


def spellings(column: pd.Series[Any]) -> tuple[Ints, npt.NDArray[Any]]:
    """Integer codes (-1: missing) and the distinct values as text, without blanks around, in the order of the file."""
    cells = column.astype(object).to_numpy()
    if pd.api.types.infer_dtype(cells, skipna=True) != "string":
        # Equal values may be written differently: one instant in two time zones is not one wall clock.
        missing = np.asarray(pd.isna(column), dtype=bool)
        written = np.empty(len(cells), dtype=object)
        written[:] = [None if absent else _written(value) for value, absent in zip(cells, missing, strict=True)]
        cells = written
    codes, values = pd.factorize(cells)
    texts = np.empty(len(values), dtype=object)
    texts[:] = [value.strip() for value in values]
    return np.asarray(codes, dtype=np.intp), texts


def _written(value: Any) -> str:
    """A value as text; what cannot even be written is named by its type."""
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _strays(identity: Identity) -> bool:
    """Whether any person label stands in more than one dyad."""
    home = identity.person_dyads()
    known = (identity.person_codes >= 0) & (identity.dyad_codes >= 0)
    return bool(np.any((home[identity.person_codes] != identity.dyad_codes) & known)) if len(home) else False


def _sorted_unique(codes: Ints, n_codes: int) -> Ints:
    """Sorted distinct codes; by a table of flags while that is small, as sorting a million codes is slow."""
    if n_codes > 20 * max(len(codes), 1_000):
        return np.unique(codes)
    seen = np.zeros(n_codes, dtype=bool)
    seen[codes] = True
    return np.flatnonzero(seen)
