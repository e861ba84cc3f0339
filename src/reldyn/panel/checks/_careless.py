"""`careless`: signs of careless answering in every row of a study - flagged, never deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Flags, Ints
from reldyn.errors import DesignError, check_columns, check_option
from reldyn.panel._columns import check_usable, times_of
from reldyn.panel.checks._careless_indices import (
    even_odd,
    mahalanobis,
    modal_share,
    modal_share_by,
    row_correlation,
    row_sd,
    strings,
    synonym_pairs,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel._panel import DyadPanel

__all__ = ["careless"]

# Whether an index is suspect at and above its limit, or at and below it.
_SUSPECT_HIGH = MappingProxyType(
    {
        "longstring": True,
        "average_longstring": True,
        "irv": False,
        "even_odd": True,
        "synonyms": False,
        "mahalanobis_p": False,
        "modal_share": True,
        "person_modal_share": True,
        "seconds_per_item": False,
    }
)
_LIMITS = MappingProxyType(
    {"mahalanobis_p": 0.01, "modal_share": 0.60, "person_modal_share": 0.60, "seconds_per_item": 1.0}
)
_IRV_SHARE = 0.05
# With fewer answers two equal ones already make a mode of half or more.
_KINDS = MappingProxyType(
    {"date": "dates", "number": "numbers", "duration": "times of day or durations", "label": "labels"}
)
_FEWEST_FOR_MODE = 5


def careless(
    panel: DyadPanel,
    items: Sequence[str],
    *,
    subscales: Sequence[Sequence[str]] | None = None,
    synonym_r: float = 0.60,
    limits: Mapping[str, float | None] | None = None,
    opened: str | None = None,
    seconds_per_unit: float = 1.0,
) -> pd.DataFrame:
    """Compute indices of careless answering for every row, and say which of them look suspect.

    No row is left out, here or later: a flag is a question to the data. Report what changes when flagged rows go.

    Parameters
    ----------
    panel : DyadPanel
        A cross-section or a diary.
    items : sequence of str
        At least two numeric columns on one response scale, in the order shown; reverse-keyed items as answered for
        the strings, recoded for even-odd and synonyms.
    subscales : sequence of sequences of str, optional
        Items of each subscale, for even-odd, which needs at least three subscales. None: no even-odd.
    synonym_r : float, default 0.60
        Items that correlate above this over all rows are synonyms (Meade and Craig, 2012).
    limits : mapping of str to float or None, optional
        Replaces the limit at which an index is suspect; None switches one off. By default ``irv`` at most 5 % of the
        declared scale, ``modal_share`` (of at least five answers) and ``person_modal_share`` at least .60,
        ``seconds_per_item`` at most 1 (Jaso et al., 2022), and ``mahalanobis_p`` at most .01. The others have no
        agreed limit and flag nothing unless one is given.
    opened : str, optional
        Column with the moment the questionnaire was opened. None: the schedule's ``sent``, which counts the waiting
        as answering, so that a short time is short all the more. Either needs the schedule's ``answered``.
    seconds_per_unit : float, default 1.0
        Length of a unit of numeric clock columns in seconds; dates need none.

    Returns
    -------
    pandas.DataFrame
        One row per row of the panel, in its order:

        - ``row`` (its position), ``dyad``, ``person``, ``role``, ``n_items`` (answered).
        - ``longstring``, ``average_longstring``: longest and mean run of equal answers.
        - ``irv``: standard deviation (n - 1) of the row's answers; in a diary the within-beep SD.
        - ``even_odd``: from -1 to 1, high is inconsistent (the sign of careless since 1.2).
        - ``synonyms``: correlation over synonym pairs within the row, low is inconsistent.
        - ``mahalanobis``, ``mahalanobis_p``: squared distance over the answered items and its chi-square tail.
        - ``modal_share``, ``person_modal_share``: share of the most frequent answer, of the row and of all the
          person's answers.
        - ``seconds_per_item``; ``flags``: the suspect indices, separated by commas; ``flagged``; ``note``.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        Fewer than two items, a subscale with other items or fewer than two, or an unknown limit.

    References
    ----------
    Curran (2016), Journal of Experimental Social Psychology 66, 4-19; Meade and Craig (2012), Psychological Methods
    17, 437-455; Jaso, Kraus and Heller (2022), Psychological Methods 27, 958-981.

    Examples
    --------
    >>> import pandas as pd, reldyn as rd
    >>> frame = pd.DataFrame({"couple": [1, 1, 2, 2], "who": ["f", "m"] * 2})
    >>> frame = frame.assign(q1=[4, 3, 5, 2], q2=[4, 5, 4, 2], q3=[4, 1, 5, 3], q4=[4, 2, 4, 6], q5=[4, 3, 5, 1])
    >>> panel = rd.DyadPanel(frame, dyad="couple", person="who", scales=dict.fromkeys(["q1", "q2"], (1, 7)))
    >>> found = rd.panel.careless(panel, ["q1", "q2", "q3", "q4", "q5"])
    >>> found[["longstring", "irv", "flags"]].round(2).values.tolist()[0]
    [5.0, 0.0, 'irv, modal_share, person_modal_share']
    """
    import pandas as pd

    names = _items(items)
    answers = np.column_stack([panel.values(name) for name in names])
    notes: list[NDArray[np.object_]] = []
    columns = _identity(panel) | {"n_items": np.isfinite(answers).sum(axis=1)}
    columns["longstring"], columns["average_longstring"] = strings(answers)
    columns["irv"] = row_sd(answers)
    columns["even_odd"] = _even_odd(answers, names, subscales, notes)
    columns["synonyms"] = _synonyms(answers, synonym_r, notes)
    columns["mahalanobis"], columns["mahalanobis_p"] = _distance(answers, notes)
    columns["modal_share"] = modal_share(answers)
    person = panel.index.person
    columns["person_modal_share"] = modal_share_by(answers, person, panel.n_persons)[person]
    columns["seconds_per_item"] = _pace(panel, columns["n_items"], opened, seconds_per_unit, notes)
    flags = _flags(columns, _resolved(limits, panel, names))
    columns["flags"] = [", ".join(parts) for parts in flags]
    columns["flagged"] = [bool(parts) for parts in flags]
    empty = columns["n_items"] == 0
    columns["note"] = ["no answer" if none else _joined(parts) for none, *parts in zip(empty, *notes, strict=True)]
    return pd.DataFrame(columns)


def _items(items: Sequence[str]) -> list[str]:
    names = [items] if isinstance(items, str) else list(items)
    if len(set(names)) < len(names) or len(names) < 2:
        raise DesignError(f"items={names!r}: careless answering shows over items; name at least two different ones.")
    return names


def _identity(panel: DyadPanel) -> dict[str, Any]:
    index = panel.index
    return {
        "row": np.arange(len(panel)),
        "dyad": [index.dyad_labels[code] for code in index.dyad],
        "person": [index.person_labels[code] for code in index.person],
        "role": ["" if code < 0 else index.roles[code] for code in index.role],
    }


def _joined(parts: Sequence[str]) -> str:
    return "; ".join(part for part in parts if part)


def _texts_where(where: Flags, text: str) -> NDArray[np.object_]:
    return np.where(where, text, "").astype(object)


def _even_odd(
    answers: Array, names: list[str], subscales: Sequence[Sequence[str]] | None, notes: list[NDArray[np.object_]]
) -> Array:
    n = len(answers)
    if subscales is None:
        notes.append(_texts_where(np.ones(n, dtype=bool), "no subscales named, so no even_odd"))
        return np.full(n, np.nan)
    places: list[Ints] = []
    for number, part in enumerate(subscales):
        listed = [part] if isinstance(part, str) else list(part)
        check_columns(names, listed, "items")
        if len(listed) < 2:
            raise DesignError(f"subscale {number + 1} has {len(listed)} item: even and odd halves need two or more.")
        places.append(np.array([names.index(name) for name in listed]))
    if len(places) < 3:
        raise DesignError(f"{len(places)} subscales: a correlation over subscales needs at least three.")
    found = even_odd(answers, places)
    notes.append(_texts_where(np.isnan(found), "too few answers or no spread over subscales, so no even_odd"))
    return found


def _synonyms(answers: Array, least: float, notes: list[NDArray[np.object_]]) -> Array:
    number = isinstance(least, (int, float, np.number)) and not isinstance(least, bool)
    if not number or not 0 < float(least) < 1:
        raise DesignError(f"synonym_r={least!r}: give a correlation between 0 and 1.")
    later, earlier = synonym_pairs(answers, least)
    if len(later) < 3:
        text = f"{counted(len(later), 'pair')} of items correlate above {least:g}, so no synonyms"
        notes.append(_texts_where(np.ones(len(answers), dtype=bool), text))
        return np.full(len(answers), np.nan)
    found = row_correlation(answers[:, later], answers[:, earlier])
    notes.append(_texts_where(np.isnan(found), "too few answers or no spread over synonym pairs, so no synonyms"))
    return found


def _distance(answers: Array, notes: list[NDArray[np.object_]]) -> tuple[Array, Array]:
    from scipy.stats import chi2

    distance, df, reason = mahalanobis(answers)
    notes.append(_texts_where(np.full(len(answers), bool(reason)), reason))
    known = np.isfinite(distance)
    tail = np.full(len(answers), np.nan)
    tail[known] = chi2.sf(distance[known], df[known])
    return distance, tail


def _pace(panel: DyadPanel, n_items: Ints, opened: str | None, unit: float, notes: list[NDArray[np.object_]]) -> Array:
    """Seconds from opening (else sending) to answering, per answered item."""
    clocks = panel.schedule.columns if panel.schedule is not None else {}
    start, end = opened or clocks.get("sent"), clocks.get("answered")
    if opened is not None:
        check_usable(panel, [opened])
    if start is None or end is None:
        notes.append(
            _texts_where(np.ones(len(panel), dtype=bool), "no clock of opening and answering, so no seconds_per_item")
        )
        return np.full(len(panel), np.nan)
    first, last = times_of(panel, start), times_of(panel, end)
    if first.kind != last.kind:
        raise DesignError(
            f"{start!r} and {end!r} are not clocks of one kind: "
            f"one holds {_KINDS[first.kind]}, the other {_KINDS[last.kind]}."
        )
    length = (last.values - first.values) * (unit if last.kind == "number" else 1.0)
    usable = np.isfinite(length) & (length >= 0) & (n_items > 0)
    notes.append(_texts_where(~usable, "answered before it was opened, or no time, so no seconds_per_item"))
    return np.where(usable, length / np.maximum(n_items, 1), np.nan)


def _resolved(limits: Mapping[str, float | None] | None, panel: DyadPanel, names: list[str]) -> dict[str, float]:
    """Limit of every index that can flag."""
    given = dict(limits or {})
    for name, limit in given.items():
        check_option(name, tuple(_SUSPECT_HIGH), "limits")
        number = isinstance(limit, (int, float, np.number)) and not isinstance(limit, bool)
        if limit is not None and not (number and np.isfinite(limit)):
            raise DesignError(f"limits[{name!r}]={limit!r}: give a number, or None for no limit.")
    widths = [high - low for low, high in (panel.scales[name] for name in names if name in panel.scales)]
    default: dict[str, float | None] = dict(_LIMITS)
    if widths:
        default["irv"] = _IRV_SHARE * min(widths)
    return {name: float(limit) for name, limit in (default | given).items() if limit is not None}


def _flags(columns: Mapping[str, Any], limits: Mapping[str, float]) -> list[list[str]]:
    flags: list[list[str]] = [[] for _ in columns["row"]]
    for name, high in _SUSPECT_HIGH.items():
        if name not in limits:
            continue
        values = columns[name]
        suspect = values >= limits[name] if high else values <= limits[name]
        if name == "modal_share":
            suspect &= columns["n_items"] >= _FEWEST_FOR_MODE
        for row in np.flatnonzero(suspect):
            flags[row].append(name)
    return flags
