"""Findings about who stands in the table: columns, ids, dyads, roles and rows per occasion."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn._types import Flags, Ints
from reldyn.panel._identity import factorize
from reldyn.panel.checks._codes_for_missing import codes_among, named_when_reading
from reldyn.panel.checks._finding_codes import CODES, Finding
from reldyn.panel.checks._findings_layout import Layout, dense

if TYPE_CHECKING:
    import numpy.typing as npt

    from reldyn.panel._identity import Identity

# What pandas, numpy and Python write where an id is missing and the column is made text.
_WRITTEN_FOR_MISSING = frozenset({"nan", "NaN", "<NA>", "None", "NaT"})
_WORDS_FOR_MISSING = frozenset({".", "-", "--", "?", "na", "n/a", "#n/a", "null", "none", "missing", "unknown"})
# Merged cells leave at least every other row without an id.
_FILLED_DOWN = 0.4
_MOST_ROLES = 10
_NAMES_SHOWN = 5
_MEMBERS_SHOWN = 12


def structure_findings(layout: Layout) -> Iterator[Finding]:
    """Everything about ids, dyads, roles and duplicated occasions."""
    yield from _missing_ids(layout)
    yield from _spellings(layout)
    if layout.identity is not None:
        yield from _identity_kind(layout, layout.identity)
        yield from _strays(layout, layout.identity)
        yield from _dyad_sizes(layout, layout.identity)
        yield from _duplicates(layout)
        yield from _unequal_rows(layout, layout.identity)
    if layout.roles is not None:
        yield from _roles(layout, *layout.roles)


def _missing_ids(layout: Layout) -> Iterator[Finding]:
    for kind in ("dyad", "person", "role"):
        if kind not in layout.names:
            continue
        name = layout.names[kind]
        column = layout.frame[name]
        absent = column.isna().to_numpy().copy()
        if column.dtype.kind in "biuf":
            numbers = column.to_numpy(dtype=float, na_value=np.nan)
            for code in codes_among(numbers, counts=True):
                message = f"{name!r} holds the {kind} {code:g}, far from all others"
                fix = named_when_reading(f"{code:g}")
                yield Finding("suspected-missing-code", name, message, np.flatnonzero(numbers == code), fix=fix)
        elif column.dtype.kind not in "cmM":
            codes, labels = factorize(column)
            texts = [label.strip() if isinstance(label, str) else None for label in labels]
            blank = [code for code, text in enumerate(texts) if text == ""]
            absent |= np.isin(codes, blank)
            yield from _missing_words(name, kind, codes, texts)
        if absent.any():
            fix = CODES["missing-id"].fix
            if not absent[0] and _FILLED_DOWN * len(absent) <= absent.sum() < len(absent):
                fix += (
                    " Where it stands on the first of several rows only, as in merged cells, fill it down: "
                    f"frame[{name!r}] = frame[{name!r}].ffill()."
                )
            yield Finding("missing-id", name, f"no {kind} in {name!r}", np.flatnonzero(absent), fix=fix)


def _missing_words(name: str, kind: str, codes: Ints, texts: Sequence[str | None]) -> Iterator[Finding]:
    """Labels that are words for a missing value: an error where only a program writes them so, else a warning."""
    for code, text in enumerate(texts):
        if text in _WRITTEN_FOR_MISSING:
            message = f"no {kind} in {name!r}, but the text {text!r} that stands for a missing value"
            yield Finding("missing-id", name, message, np.flatnonzero(codes == code))
        elif text is not None and text.casefold() in _WORDS_FOR_MISSING:
            message = f"{name!r} has a {kind} {text!r}, which may stand for a missing value"
            fix = f"If it does, name it when reading: rd.read_table(path, missing=(..., {text!r})); else rename it."
            yield Finding("suspected-missing-code", name, message, np.flatnonzero(codes == code), fix=fix)


def _spellings(layout: Layout) -> Iterator[Finding]:
    """Labels that differ only in blanks or capitals, or that are numbers in some cells and texts in others."""
    for name in dict.fromkeys(layout.names[kind] for kind in ("dyad", "person", "role") if kind in layout.names):
        column = layout.frame[name]
        if column.dtype.kind in "biufcmM":
            continue
        roles = layout.roles if name == layout.names.get("role") else None
        codes, labels = factorize(column) if roles is None else roles
        alike: dict[str, list[int]] = {}
        for code, label in enumerate(labels):
            if isinstance(label, (str, int, float)):
                whole = isinstance(label, float) and label.is_integer()
                text = str(int(label) if whole else label)
                alike.setdefault(" ".join(unicodedata.normalize("NFC", text).split()).casefold(), []).append(code)
        groups = [group for group in alike.values() if len(group) > 1]
        if not groups:
            continue
        counts = np.bincount(codes[codes >= 0], minlength=len(labels))
        rarer = [code for group in groups for code in group if code != max(group, key=counts.__getitem__)]
        shown = "; ".join(", ".join(repr(labels[code]) for code in group) for group in groups[:_NAMES_SHOWN])
        more = f" and {len(groups) - _NAMES_SHOWN:,} more" if len(groups) > _NAMES_SHOWN else ""
        as_text, how = "", "in blanks or capitals"
        found = [labels[code] for group in groups for code in group]
        marks = not all(unicodedata.is_normalized("NFC", label) for label in found if isinstance(label, str))
        if not all(isinstance(label, str) for label in found):
            as_text, how = ".astype(str)", "in blanks, in capitals or in being a number or text"
            if any(isinstance(label, float) for label in found):
                as_text = ".map(lambda label: f'{label:g}' if isinstance(label, float) else str(label))"
        composed = ".str.normalize('NFC')" if marks else ""
        if marks:
            how = how.replace(" or ", ", ", 1) + " or in how Unicode writes letters with marks"
        one = f"frame[{name!r}] = frame[{name!r}]{as_text}{composed}.str.strip().str.casefold()"
        fix = f"If they mean the same, make them one: {one}."
        message = f"{name!r} has labels that differ only {how} ({shown}{more})"
        yield Finding("label-spellings", name, message, np.flatnonzero(np.isin(codes, rarer)), fix=fix)


def _identity_kind(layout: Layout, identity: Identity) -> Iterator[Finding]:
    if identity.within_dyad:
        labels = ", ".join(str(label) for label in np.unique(identity.person_labels.astype(str))[:_NAMES_SHOWN])
        name = layout.names["person"]
        yield Finding("person-within-dyad", name, f"{name!r} numbers the members of each dyad ({labels})")
    if identity.n_dyads == 1:
        yield Finding("one-dyad", layout.names["dyad"], "the table holds one dyad", n=1)


def _strays(layout: Layout, identity: Identity) -> Iterator[Finding]:
    units = layout.units
    homes = np.bincount(units.persons, minlength=identity.n_persons)
    strays = np.flatnonzero(homes > 1)
    if identity.within_dyad or not len(strays):
        return
    n_rows = np.bincount(units.codes[units.codes >= 0], minlength=units.n)
    most = np.zeros(identity.n_persons, dtype=np.intp)
    np.maximum.at(most, units.persons, n_rows)
    # Where two dyads tie nothing says which is wrong, so the rows of both are given.
    at_home = n_rows == most[units.persons]
    tied = np.bincount(units.persons[at_home], minlength=identity.n_persons) > 1
    astray = (homes[units.persons] > 1) & (~at_home | tied[units.persons])
    name = layout.names["person"]
    who = _listed(identity.person_labels[strays])
    rows = layout.rows_of_units(np.flatnonzero(astray))
    yield Finding("person-in-two-dyads", name, f"{name!r} has {who} in more than one dyad", rows)


def _dyad_sizes(layout: Layout, identity: Identity) -> Iterator[Finding]:
    name = layout.names["dyad"]
    sizes = np.bincount(layout.units.dyads, minlength=identity.n_dyads)
    codes = identity.dyad_codes
    crowded = np.flatnonzero(sizes > 2)
    if len(crowded):
        who = "; ".join(_members_of(layout, identity, code) for code in crowded[:_NAMES_SHOWN].tolist())
        more = f" and {len(crowded) - _NAMES_SHOWN:,} more" if len(crowded) > _NAMES_SHOWN else ""
        rows = np.flatnonzero(np.isin(codes, crowded))
        yield Finding("dyad-size", name, f"{_dyads(crowded)} {who}{more} with more than two members", rows)
    lonely = np.flatnonzero(sizes == 1)
    if len(lonely):
        who = _listed(identity.dyad_labels[lonely])
        rows = np.flatnonzero(np.isin(codes, lonely))
        fix = "Add the partner's rows, or leave the dyad out; its partner effects cannot be estimated."
        yield Finding("dyad-size", name, f"{_dyads(lonely)} {who} with one member", rows, "warning", fix)


def _members_of(layout: Layout, identity: Identity, dyad: int) -> str:
    """The label of a dyad with those of all its members, texts between quotation marks so that blanks show."""
    units = layout.units
    labels = identity.person_labels[units.persons[units.dyads == dyad]]
    shown = ", ".join(repr(label) if isinstance(label, str) else str(label) for label in labels[:_MEMBERS_SHOWN])
    more = f" and {len(labels) - _MEMBERS_SHOWN:,} more" if len(labels) > _MEMBERS_SHOWN else ""
    return f"{identity.dyad_labels[dyad]} ({shown}{more})"


def _dyads(codes: Ints) -> str:
    return "dyad" if len(codes) == 1 else f"{counted(len(codes), 'dyad')}:"


def _duplicates(layout: Layout) -> Iterator[Finding]:
    if not layout.placed or not layout.any_twice:
        return
    codes, n_codes = dense(layout.cells[layout.usable], layout.n_cells)
    again = np.bincount(codes, minlength=n_codes) > 1
    rows = np.flatnonzero(layout.usable)[again[codes]]
    copies = _copies(layout, rows)
    if layout.occasion_kinds:
        fix = CODES["duplicate-occasion"].fix + copies
        message = "several rows for one person and occasion"
        yield Finding("duplicate-occasion", layout.occasion_columns, message, rows, fix=fix)
    else:
        fix = "Name the column that places the rows in time (time, day or beep), or keep one row per person."
        name, fix = layout.names["person"], fix + copies
        yield Finding("duplicate-occasion", name, "several rows for one person and no time is named", rows, fix=fix)


def _copies(layout: Layout, rows: Ints) -> str:
    """How many of the rows repeat an earlier one in every column, as where a file was pasted in twice."""
    try:
        n = int(layout.frame.iloc[rows].duplicated().sum())
    except TypeError:
        # Cells that hold lists cannot be compared.
        return ""
    one = "1 of these rows repeats" if n == 1 else f"{n:,} of these rows repeat"
    return f" {one} an earlier one in every column: frame.drop_duplicates() leaves one of each." if n else ""


def _unequal_rows(layout: Layout, identity: Identity) -> Iterator[Finding]:
    units = layout.units
    n_rows = np.bincount(units.codes[units.codes >= 0], minlength=units.n)
    total = np.bincount(units.dyads, weights=n_rows, minlength=identity.n_dyads)
    first = np.zeros(identity.n_dyads)
    first[units.dyads] = n_rows
    unequal = np.flatnonzero(layout.paired_dyads & (total != 2 * first))
    if len(unequal):
        who = _listed(identity.dyad_labels[unequal])
        rows = np.flatnonzero(np.isin(identity.dyad_codes, unequal))
        message = f"{_dyads(unequal)} {who} with more rows of one partner than of the other"
        yield Finding("unequal-rows", layout.names["dyad"], message, rows)


def _roles(layout: Layout, codes: Ints, labels: npt.NDArray[Any]) -> Iterator[Finding]:
    name = layout.names["role"]
    if len(labels) > _MOST_ROLES:
        yield Finding("many-roles", name, f"{name!r} has {len(labels):,} different values", n=len(labels))
        return
    if layout.identity is None or not len(labels):
        return
    units = layout.units
    known = (codes >= 0) & (units.codes >= 0)
    counts = np.bincount(units.codes[known] * len(labels) + codes[known], minlength=units.n * len(labels))
    table = counts.reshape(units.n, len(labels))
    usual = table.argmax(axis=1)
    yield from _role_changes(layout, codes, known, table, usual)
    yield from _same_roles(layout, layout.identity, np.where(table.any(axis=1), usual, -1))


def _role_changes(layout: Layout, codes: Ints, known: Flags, table: Ints, usual: Ints) -> Iterator[Finding]:
    changing = (table > 0).sum(axis=1) > 1
    if not changing.any():
        return
    tied = (table == table.max(axis=1, keepdims=True)).sum(axis=1) > 1
    units = layout.units.codes
    rows = np.flatnonzero(known & changing[units] & (tied[units] | (codes != usual[units])))
    name = layout.names["role"]
    yield Finding("role-changes", name, f"{name!r} differs from the person's other rows", rows)


def _same_roles(layout: Layout, identity: Identity, usual: Ints) -> Iterator[Finding]:
    dyads = layout.units.dyads
    member = layout.units.members()
    roles = np.full((identity.n_dyads, 2), -1, dtype=np.intp)
    inside = member < 2
    roles[dyads[inside], member[inside]] = usual[inside]
    paired = layout.paired_dyads & (roles >= 0).all(axis=1)
    alike = paired & (roles[:, 0] == roles[:, 1])
    if not alike.any():
        return
    rows = np.flatnonzero(np.isin(identity.dyad_codes, np.flatnonzero(alike)))
    name = layout.names["role"]
    if alike[paired].all():
        yield Finding("role-not-distinguishing", name, f"{name!r} tells no two partners apart", rows, "warning")
    else:
        message = f"{name!r} is the same for both members of {alike.sum():,} of {counted(paired.sum(), 'dyad')}"
        yield Finding("role-not-distinguishing", name, message, rows)


def _listed(labels: npt.NDArray[Any]) -> str:
    shown = ", ".join(str(label) for label in labels[:_NAMES_SHOWN])
    more = len(labels) - _NAMES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown
