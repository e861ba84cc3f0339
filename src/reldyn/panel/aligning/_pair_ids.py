"""Dyads from pointers: every person's row names the partner, as in registers and household panels.

Two persons are a dyad only if each names the other. Whatever else the pointers say is a fault; all faults of a file
are found before any is raised.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reldyn._format import counted
from reldyn.errors import DataError, DataWarning, describe_rows, warn_caller
from reldyn.panel._border import as_pandas
from reldyn.panel._identity import spellings
from reldyn.panel.aligning._named import check_named

if TYPE_CHECKING:
    IntArray = npt.NDArray[np.intp]

__all__ = ["pair_ids"]

_DYAD = "dyad"
_SHOWN = 3
# From here on floats no longer hold every whole number.
_EXACT = 2.0**53
_NOBODY, _UNKNOWN = -1, -2


@dataclass(frozen=True)
class _Fault:
    """One kind of fault in the pointers, and the rows that have it."""

    code: str
    message: str
    rows: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Pointers:
    """Who names whom.

    Attributes
    ----------
    person : (n,) int array
        Code of each row's person in the order of first appearance; -1 where missing.
    names : (p,) array of text
        Each person's id.
    target : (n,) int array
        Code of the person whom the row names; -1 where it names nobody, -2 where nobody in the file has that id.
    written : (n,) array of text
        The pointer of each row as text; empty where it names nobody.
    """

    person: IntArray
    names: npt.NDArray[np.object_]
    target: IntArray
    written: npt.NDArray[np.object_]

    def one_target(self) -> IntArray:
        """The one partner that each person names; -1 nobody, -2 an unknown id, -3 more than one."""
        target = np.full(len(self.names), _NOBODY, dtype=np.intp)
        frame = pd.DataFrame({"person": self.person, "written": self.written, "target": self.target})
        naming = frame[(frame["person"] >= 0) & (frame["target"] != _NOBODY)]
        each = naming.drop_duplicates(["person", "written"])
        target[each["person"]] = each["target"]
        counts = each["person"].value_counts()
        target[counts.index[counts > 1]] = -3
        return target


def pair_ids(frame: pd.DataFrame, *, person: str, partner: str) -> pd.DataFrame:
    """Give both members of a couple one dyad id, from a column that names each person's partner.

    Parameters
    ----------
    frame : pandas.DataFrame (or any frame that narwhals knows), n rows
        One or several rows per person. It is not changed.
    person : str
        Column with the id of the row's person.
    partner : str
        Column with the id of that person's partner, written as in `person`; blanks around ids do not count, nor do the
        ways in which Unicode stores letters with marks, and a whole number is the same id as an integer, a float or
        text. It may be missing in some rows of a person, as
        long as another row of the same person names the partner.

    Returns
    -------
    pandas.DataFrame
        The rows in their order with a column ``dyad`` added: 1, 2, ... in the order in which couples first appear,
        so that a label says nothing about its members.

    Raises
    ------
    DataError
        One error with all faults and their rows: a missing id, a person who names nobody, nobody in the file, himself
        or herself, or several partners; pointers that are not mutual, circles of three and more among them; ids that
        differ only in blanks, upper and lower case or leading zeros. Its ``findings`` is a frame with ``code``,
        ``n``, ``rows`` (a tuple of all row positions, counted from 0) and ``message``. Nothing is guessed, because a
        wrong partner spoils two persons' data.

    Warns
    -----
    DataWarning
        Ids of a person are stored in two ways of Unicode: the rows have one of them.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"id": ["007", "012", "031", "040"], "spouse": ["031", "040", "007", "012"]})
    >>> pair_ids(frame, person="id", partner="spouse")["dyad"].tolist()
    [1, 2, 1, 2]
    """
    rows = as_pandas(frame)
    _check(rows, person, partner)
    pointers = _read(rows, person, partner)
    faults = list(_faults(rows, pointers, person, partner))
    if faults:
        raise _refusal(faults)
    target = pointers.one_target()
    first = np.minimum(np.arange(len(target)), target)
    codes, _ = pd.factorize(first[pointers.person])
    rows[_DYAD] = codes.astype(np.int64) + 1
    return _with_one_spelling(rows, person, pointers)


def _with_one_spelling(rows: pd.DataFrame, person: str, pointers: _Pointers) -> pd.DataFrame:
    """Ids that are stored in two ways of Unicode in one: a panel would count two persons."""
    raw = rows[person].astype(object).to_numpy()
    composed = np.array([isinstance(text, str) and unicodedata.is_normalized("NFC", text) for text in raw], dtype=bool)
    n_each = pd.DataFrame({"person": pointers.person, "composed": composed}).groupby("person")["composed"].nunique()
    persons = n_each.index[n_each > 1].to_numpy()
    if not len(persons):
        return rows
    mixed = np.isin(pointers.person, persons) & ~composed
    values = raw.copy()
    values[mixed] = [unicodedata.normalize("NFC", text) for text in raw[mixed]]
    rows[person] = values
    warn_caller(
        f"{person!r} stores {counted(len(persons), 'id')} in two ways of Unicode ({_shown(pointers.names[persons])}): "
        f"{describe_rows(np.flatnonzero(mixed).tolist())} now have the one with composed letters, as "
        ".str.normalize('NFC') makes it.",
        DataWarning,
    )
    return rows


def _check(rows: pd.DataFrame, person: str, partner: str) -> None:
    check_named(rows, {"person": person, "partner": partner})
    if person == partner:
        raise DataError(f"person and partner are both {person!r}: name the column that holds the partner's id.")
    if _DYAD in rows.columns:
        raise DataError(f"there is a column {_DYAD!r} already: rename it or drop it, so that none of its ids are lost.")


def _read(rows: pd.DataFrame, person: str, partner: str) -> _Pointers:
    own, theirs = _texts(rows[person]), _texts(rows[partner])
    codes, names = pd.factorize(own)
    code_of = {name: code for code, name in enumerate(names)}
    target = np.array([_NOBODY if text is None else code_of.get(text, _UNKNOWN) for text in theirs], dtype=np.intp)
    written = np.array(["" if text is None else text for text in theirs], dtype=object)
    return _Pointers(np.asarray(codes, dtype=np.intp), np.asarray(names, dtype=object), target, written)


def _texts(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Ids as text without blanks around, with composed letters, whole numbers without a decimal point; else None."""
    codes, texts = spellings(column)
    distinct = np.empty(len(texts) + 1, dtype=object)
    numeric = pd.api.types.is_float_dtype(column.dtype) or column.dtype == object
    composed = [unicodedata.normalize("NFC", text) for text in texts]
    distinct[:-1] = [(text.removesuffix(".0") if numeric else text) or None for text in composed]
    distinct[-1] = None
    return distinct[codes]


def _faults(rows: pd.DataFrame, pointers: _Pointers, person: str, partner: str) -> Iterator[_Fault]:
    missing = np.flatnonzero(pointers.person < 0)
    if len(missing):
        yield _fault("missing-id", f"no id in {person!r}; fill it in or drop these rows", missing)
    yield from _spelled_apart(rows[person], pointers)
    target = pointers.one_target()
    yield from _unclear(pointers, target, partner)
    yield from _not_mutual(pointers, target)


def _spelled_apart(column: pd.Series[Any], pointers: _Pointers) -> Iterator[_Fault]:
    """Ids of one person that differ in the blanks around them: a panel would count two persons."""
    raw = column.where(column.notna(), None).astype(object).to_numpy()
    written = pd.Series([unicodedata.normalize("NFC", text) if isinstance(text, str) else "" for text in raw])
    known = pointers.person >= 0
    several = written[known].groupby(pointers.person[known]).nunique()
    persons = several.index[several > 1].to_numpy()
    if len(persons):
        shown = _shown(pointers.names[persons])
        message = f"ids differ only in blanks around them ({shown}); strip them, with .str.strip()"
        yield _fault("blanks-differ", message, np.flatnonzero(np.isin(pointers.person, persons)))


def _unclear(pointers: _Pointers, target: IntArray, partner: str) -> Iterator[_Fault]:
    """Pointers that are missing, lead nowhere, to the person itself or to several persons."""
    own, named = pointers.person, pointers.target
    known = own >= 0
    nobody = np.flatnonzero(known & (target[own] == _NOBODY))
    if len(nobody):
        yield _fault(
            "no-partner",
            f"persons name no partner in any of their rows of {partner!r}; fill in the partner, or drop them if they "
            "belong to no dyad",
            nobody,
        )
    yield from _unknown(pointers, np.flatnonzero(known & (named == _UNKNOWN)))
    itself = np.flatnonzero(known & (named == own))
    if len(itself):
        yield _fault("names-oneself", "persons name themselves as their partner; correct the pointer", itself)
    several = np.flatnonzero(known & (target[own] == -3) & (named != _NOBODY))
    if len(several):
        shown = _shown(pointers.names[np.unique(own[several])])
        yield _fault(
            "several-partners", f"persons name different partners in their rows ({shown}); settle on one", several
        )


def _unknown(pointers: _Pointers, rows: IntArray) -> Iterator[_Fault]:
    """Pointers to ids that nobody has: another spelling of an id of the file, or a person who is not in it."""
    if not len(rows):
        return
    variants: dict[str, list[str]] = {}
    for name in pointers.names:
        variants.setdefault(_plain(name), []).append(name)
    close = {text: variants.get(_plain(text), []) for text in dict.fromkeys(pointers.written[rows])}
    respelled = np.array([bool(close[text]) for text in pointers.written[rows]])
    if respelled.any():
        shown = [f"{text!r} for {' or '.join(map(repr, close[text]))}" for text in close if close[text]]
        yield _fault(
            "spelled-differently",
            f"pointers differ from an id only in case, blanks or leading zeros ({_some(shown)}); write ids alike, and "
            "read files so that ids stay text",
            rows[respelled],
        )
    if not respelled.all():
        lost = rows[~respelled]
        texts = list(dict.fromkeys(pointers.written[lost]))
        hint = (
            ""
            if not any(map(_inexact, texts))
            else "; numbers of 16 digits and more change as floats: read ids as text"
        )
        message = f"pointers lead to nobody in the file ({_some([repr(text) for text in texts])})"
        yield _fault("names-nobody", f"{message}; correct them, or drop persons whose partner took no part{hint}", lost)


def _plain(text: str) -> str:
    """An id without what is easily lost: case, blanks and marks inside, leading zeros, an empty decimal part."""
    compact = "".join(text.casefold().split()).removesuffix(".0")
    digits = len(compact) - len(compact.lstrip("0123456789"))
    return compact.lstrip("0") or "0" if digits else _without_inner_zeros(compact)


def _without_inner_zeros(text: str) -> str:
    """``a01`` as ``a1``: zeros that lead the number at the end of a label."""
    stem = text.rstrip("0123456789")
    number = text[len(stem) :].lstrip("0")
    return stem + (number or "0" if len(stem) < len(text) else "")


def _inexact(text: str) -> bool:
    try:
        return abs(float(text)) > _EXACT
    except ValueError:
        return False


def _not_mutual(pointers: _Pointers, target: IntArray) -> Iterator[_Fault]:
    """Persons who name someone who does not name them back, circles of three and more apart."""
    here = np.arange(len(target))
    clear = (target >= 0) & (target != here)
    # A partner who names nobody, an unknown id or several is a fault of its own; one-sided pointers show in the rows.
    back = np.where(clear, target[np.maximum(target, 0)], _NOBODY)
    one_sided = clear & (back != here)
    circle = _in_circles(target, one_sided)
    for code, persons, message in (
        ("circle", circle, "persons name one another in a circle of three or more"),
        ("not-mutual", one_sided & ~circle, "persons name a partner who does not name them back"),
    ):
        if persons.any():
            some = [_chain(pointers.names, target, int(person)) for person in np.flatnonzero(persons)]
            rows = np.flatnonzero((pointers.person >= 0) & persons[pointers.person])
            yield _fault(code, f"{message} ({_some(some)}); correct the pointers", rows)


def _in_circles(target: IntArray, one_sided: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Persons from whom the pointers lead back to them over at least two others."""
    inside = np.zeros(len(target), dtype=bool)
    settled = ~one_sided
    for start in np.flatnonzero(one_sided):
        path: list[int] = []
        place = int(start)
        on_path: dict[int, int] = {}
        while not settled[place] and place not in on_path:
            on_path[place] = len(path)
            path.append(place)
            place = int(target[place])
        if place in on_path:
            inside[path[on_path[place] :]] = True
        settled[path] = True
    return inside


def _chain(names: npt.NDArray[np.object_], target: IntArray, person: int) -> str:
    other = int(target[person])
    onward = int(target[other])
    if onward >= 0:
        return f"{names[person]!r} names {names[other]!r}, who names {names[onward]!r}"
    unclear = {_NOBODY: "nobody", _UNKNOWN: "nobody in the file", -3: "several persons"}[onward]
    return f"{names[person]!r} names {names[other]!r}, who names {unclear}"


def _fault(code: str, message: str, rows: IntArray) -> _Fault:
    places = tuple(np.asarray(rows, dtype=np.intp).tolist())
    return _Fault(code, f"{message}: {describe_rows(places)}.", places)


def _shown(names: npt.NDArray[np.object_]) -> str:
    return _some([repr(name) for name in names])


def _some(texts: list[str]) -> str:
    return ", ".join(texts[:_SHOWN]) + (f", and {len(texts) - _SHOWN:,} more" if len(texts) > _SHOWN else "")


def _refusal(faults: list[_Fault]) -> DataError:
    lines = "\n".join(f"- {fault.message}" for fault in faults)
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    findings = pd.DataFrame(
        {
            "code": [fault.code for fault in faults],
            "n": [len(fault.rows) for fault in faults],
            "rows": [fault.rows for fault in faults],
            "message": [fault.message for fault in faults],
        }
    )
    return DataError(f"the pointers make no dyads, {count}:\n{lines}", findings)
