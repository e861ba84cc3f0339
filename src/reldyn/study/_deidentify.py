"""Rows that can be passed on: pseudonyms drawn with a key, times moved by whole weeks."""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn.errors import DataError, DesignError, check_option
from reldyn.panel import DyadPanel
from reldyn.study._key import keyed_digest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["deidentify"]

_DIGITS = 12
# How many weeks times may be moved: two years either way.
_WEEKS = 104
_LEAST_SECRET = 16


def deidentify(
    panel: DyadPanel, *, secret: str | bytes | None = None, shift: Literal["weeks"] | None = "weeks"
) -> DyadPanel:
    """Replace ids by pseudonyms and move dates, so that rows can be passed on.

    What remains can still identify somebody: free text, rare values of age or place, and the answers themselves to
    whoever knows them. This function changes ids and times and nothing else; look at the other columns.

    Parameters
    ----------
    panel : DyadPanel
    secret : str or bytes, optional
        Key of the pseudonyms, at least 16 characters: the same key gives the same pseudonyms, so that waves of a study
        can be joined, and without it nobody can compute them from the ids. Keep it apart from the data. None: a key
        is drawn and thrown away.
    shift : {"weeks"} or None, default "weeks"
        Move all dates of a dyad by one whole number of weeks within two years either way, drawn with the key: the
        same for both partners and for every column of times, so that weekdays, weekends, times of day and intervals
        stay as they were. The calendar goes: seasons and holidays can no longer be studied. None: dates stay.

    Returns
    -------
    DyadPanel
        The rows in the order of the pseudonyms, so that not even their order tells who is who. Day and occasion
        numbers stay. Columns with dates as text are moved where they are a time column of the panel.

    Raises
    ------
    DesignError
        What is given is no panel, the key is too short, or `shift` is unknown.
    DataError
        A time column of the panel holds dates as text in a form that cannot be moved.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=4, n_occasions=12, actor=0.3, partner=0.1, seed=1).panel
    >>> plain = rd.study.deidentify(panel, secret="a key that stays at home")
    >>> plain.n_dyads, set(plain.frame["dyad"]) & set(panel.frame["dyad"])
    (4, set())
    """
    if not isinstance(panel, DyadPanel):
        raise DesignError(f"study.deidentify takes a DyadPanel, not a {type(panel).__name__}.")
    if shift is not None:
        check_option(shift, ("weeks",), "shift")
    key = _key(secret)
    columns, index = panel.columns, panel.index
    frame = panel.frame
    dyads = [_pseudonym(key, "dyad", label) for label in index.dyad_labels]
    _check_distinct(dyads)
    if shift is not None:
        weeks = np.array([_weeks(key, label) for label in index.dyad_labels])
        _move(frame, panel, weeks[index.dyad])
    frame[columns["dyad"]] = np.array(dyads, dtype=object)[index.dyad]
    # Numbers of members within a dyad, and roles, identify nobody.
    if columns["person"] != columns["role"] and len(set(index.person_labels)) == index.n_persons:
        persons = [_pseudonym(key, "person", label) for label in index.person_labels]
        _check_distinct(persons)
        frame[columns["person"]] = np.array(persons, dtype=object)[index.person]
    order = [str(columns["dyad"]), str(columns["person"])]
    frame = frame.sort_values(order, kind="stable", ignore_index=True)
    frame.attrs = {}
    named = {kind: name for kind, name in columns.items() if name is not None}
    times = {name: getattr(panel, name) for name in ("dates", "timezone", "workdays") if hasattr(panel, name)}
    return DyadPanel(frame, **named, **times, schedule=panel.schedule, scales=dict(panel.scales) or None)


def _key(secret: Any) -> bytes:
    if secret is None:
        return secrets.token_bytes(32)
    if not isinstance(secret, (str, bytes)) or len(secret) < _LEAST_SECRET:
        raise DesignError(
            f"secret: give a text of at least {_LEAST_SECRET} characters, such as secrets.token_hex() makes, or None."
        )
    return secret if isinstance(secret, bytes) else secret.encode("utf-8", errors="surrogatepass")


def _pseudonym(key: bytes, kind: str, label: Hashable) -> str:
    return f"{kind[0]}{keyed_digest(key, kind, label).hex()[:_DIGITS]}"


def _check_distinct(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise DataError(
            "two ids have one pseudonym, by chance, or because they are the same as texts or but for the way in which "
            "Unicode stores letters with marks: use another secret, or rename an id."
        )


def _weeks(key: bytes, label: Hashable) -> int:
    """Weeks from -104 to 104 without 0: each dyad is moved."""
    drawn = int.from_bytes(keyed_digest(key, "weeks", label)[:8], "big") % (2 * _WEEKS) - _WEEKS
    return drawn if drawn < 0 else drawn + 1


def _move(frame: pd.DataFrame, panel: DyadPanel, weeks: Any) -> None:
    """Move every column of times, and those of the panel that hold dates as text."""
    import pandas as pd

    move = pd.Series(pd.to_timedelta(weeks * 7, unit="D"), index=frame.index)
    schedule = panel.schedule
    clock = [getattr(schedule, name) for name in ("scheduled", "sent", "answered", "expires")] if schedule else []
    of_panel = {name for name in [*(panel.columns[kind] for kind in ("time", "day")), *clock] if name is not None}
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            # On the clock that was written: weeks that cross summer time keep the time of day.
            zone = column.dt.tz
            local: Any = column.dt.tz_localize(None) + move
            frame.isetitem(position, local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward"))
        elif pd.api.types.is_datetime64_any_dtype(column):
            moved: Any = column + move
            frame.isetitem(position, moved)
        elif name in of_panel and not pd.api.types.is_numeric_dtype(column):
            frame.isetitem(position, _moved_text(column, move, str(name)))


def _moved_text(column: pd.Series, move: pd.Series, name: str) -> Any:
    """Dates as text in the ISO form, moved."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    texts = column.astype(object).where(column.notna(), None)
    numbers = pd.to_numeric(texts, errors="coerce")
    if numbers.notna().equals(texts.notna()):
        return column
    stamps = pd.to_datetime(texts, errors="coerce", format="ISO8601")
    if not stamps.notna().equals(texts.notna()) or isinstance(stamps.dtype, pd.DatetimeTZDtype):
        raise DataError(
            f"column {name!r} holds dates as text in a form that cannot be moved: read them as dates first, with "
            "pandas.to_datetime, or give shift=None."
        )
    return stamps + move
