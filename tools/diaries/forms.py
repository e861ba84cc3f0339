"""Random diaries with known lags and partners, and the ways in which their times can be written.

A diary is made on a schedule of days and prompts; some rows are left out. From the schedule follows, row by row, which
row is one step earlier and which is the partner's. Nothing of the library is used for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

__all__ = ["DESIGNS", "Diary", "differences", "forms", "make_diary"]

DESIGNS = ("several", "one", "five-to-one")
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo")
# Around the changes of the clock in Europe and America, and in summer.
STARTS = ("2021-03-08", "2021-03-24", "2021-06-07", "2021-10-27", "2021-11-03")
_SCHEDULES = ((9, 12.5, 15), (9, 13, 21), (8, 11, 14, 17, 20), (10, 20), (9.25, 11.75, 16, 18.5))


@dataclass(frozen=True)
class Diary:
    """Rows of a diary and what is true of them.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``couple``, ``who``, ``day``, ``beep``, ``local`` (naive stamps on the wall clock of `zone`), ``y`` (the number
        of the row).
    lagged, partner : (n,) float arrays
        ``y`` of the row one step earlier, and of the partner's row; NaN where there is none.
    zone : str
    """

    frame: pd.DataFrame
    lagged: np.ndarray
    partner: np.ndarray
    zone: str


def make_diary(seed: int, design: str) -> Diary:
    """Make one diary."""
    rng = np.random.default_rng([DESIGNS.index(design), seed])
    zone, start = str(rng.choice(ZONES)), pd.Timestamp(str(rng.choice(STARTS)))
    hours = _SCHEDULES[int(rng.integers(len(_SCHEDULES)))]
    n_days, n_couples = int(rng.integers(6, 11)), int(rng.integers(2, 4))
    several = {"several": n_days, "one": 0, "five-to-one": n_days // 2}[design]
    rows = []
    for couple in range(n_couples):
        for day in range(n_days):
            prompts = range(len(hours)) if day < several else (len(hours) - 1,)
            for beep in prompts:
                for who in "ab":
                    # The first couple answers everything, so that every prompt of the schedule is in use.
                    if couple and rng.random() < 0.25:
                        continue
                    rows.append((couple, who, day, beep, start + pd.Timedelta(days=day, hours=hours[beep])))
    frame = pd.DataFrame(rows, columns=["couple", "who", "day", "beep", "local"])
    frame = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
    frame["y"] = np.arange(len(frame), dtype=float)
    place = dict(_items(frame))
    lagged, partner = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
    for row, (couple, who, day, beep) in enumerate(
        zip(frame["couple"], frame["who"], frame["day"], frame["beep"], strict=True)
    ):
        if day < several:
            before = (couple, who, day, beep - 1) if beep else None
        else:
            before = (couple, who, day - 1, beep) if day > several else None
        lagged[row] = place.get(before, np.nan)
        partner[row] = place.get((couple, "b" if who == "a" else "a", day, beep), np.nan)
    return Diary(frame, lagged, partner, zone)


def _items(frame: pd.DataFrame) -> Iterator[tuple[tuple[object, ...], float]]:
    keys = zip(frame["couple"], frame["who"], frame["day"], frame["beep"], strict=True)
    return zip(keys, frame["y"], strict=True)


def forms(diary: Diary, only: str | None = None) -> dict[str, tuple[pd.DataFrame, dict[str, object]]]:
    """Every way of writing a diary, or one of them: the table, and the arguments of `DyadPanel` that go with it."""
    frame, zone = diary.frame, diary.zone
    local = frame["local"]
    aware = local.dt.tz_localize(ZoneInfo(zone))
    utc = aware.dt.tz_convert("UTC")
    seconds = utc.astype("datetime64[ns, UTC]").astype("int64") / 1e9
    midnight = pd.Timestamp("1899-12-30")
    here = {"timezone": zone}

    def stamps(column: object, **more: object) -> tuple[pd.DataFrame, dict[str, object]]:
        return frame.drop(columns=["day", "beep", "local"]).assign(sent=column), {"time": "sent", **more}

    ways: dict[str, Callable[[], tuple[pd.DataFrame, dict[str, object]]]] = {
        "naive": lambda: stamps(local),
        "naive, zone named": lambda: stamps(local, **here),
        "zoned": lambda: stamps(aware),
        "objects": lambda: stamps(aware.astype(object)),
        "utc": lambda: stamps(utc, **here),
        "utc text": lambda: stamps(utc.dt.strftime("%Y-%m-%dT%H:%M:%SZ"), **here),
        "offsets": lambda: stamps(aware.map(pd.Timestamp.isoformat)),
        "unix": lambda: stamps(seconds, **here),
        "unix ms": lambda: stamps((1000 * seconds).astype("int64"), **here),
        "unix text": lambda: stamps(seconds.astype("int64").astype(str), **here),
        "excel": lambda: stamps((local - midnight) / pd.Timedelta(days=1)),
        "iso text": lambda: stamps(local.dt.strftime("%Y-%m-%d %H:%M:%S"), **here),
        "day first": lambda: stamps(local.dt.strftime("%d.%m.%Y %H:%M"), dates="%d.%m.%Y %H:%M", **here),
        "month first": lambda: stamps(local.dt.strftime("%m/%d/%y %I:%M %p"), dates={"sent": "%m/%d/%y %I:%M %p"}),
        "day and beep": lambda: (frame.drop(columns="local"), {"day": "day", "beep": "beep"}),
        "day and beep as text": lambda: (
            frame.drop(columns="local").astype({"day": str, "beep": str}),
            {"day": "day", "beep": "beep"},
        ),
        "date and beep": lambda: (frame.assign(date=local.dt.date), {"day": "date", "beep": "beep"}),
        "compact date and time of day": lambda: (
            frame.assign(date=local.dt.strftime("%Y%m%d").astype(int), hour=local.dt.strftime("%H:%M")),
            {"day": "date", "time": "hour"},
        ),
        "day and stamp": lambda: (frame.assign(sent=local), {"day": "day", "time": "sent"}),
    }
    return {name: make() for name, make in ways.items() if only in (None, name)}


def differences(seed: int, design: str, only: str | None = None) -> dict[str, str]:
    """Ways of writing one diary that do not give the true lags and partners, with what is wrong.

    Parameters
    ----------
    seed : int
    design : str
        One of `DESIGNS`.
    only : str, optional
        One way; None: all.
    """
    import warnings

    import reldyn as rd

    diary = make_diary(seed, design)
    wrong: dict[str, str] = {}
    for name, (table, roles) in forms(diary, only).items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                panel = rd.DyadPanel(table, dyad="couple", person="who", role="who", **roles)
                found = panel.lag(["y"]).actor_partner(["y"]).frame
        except rd.ReldynError as problem:
            wrong[name] = f"{type(problem).__name__}: {problem}"
            continue
        for column, truth in (("y_lag1", diary.lagged), ("y_partner", diary.partner)):
            n = int((~((found[column] == truth) | (found[column].isna() & np.isnan(truth)))).sum())
            if n:
                wrong[name] = f"{wrong.get(name, '')}{n} of {len(truth)} rows of {column} differ; "
    return wrong
