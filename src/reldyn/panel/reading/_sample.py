"""The sample study that comes with the library: its panel, and what was planted in it.

Made by ``tools/make_sample.py``. A wheel carries the files as ``reldyn/_sample``; a checkout has
them in ``data/sample``.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldyn._format import counted
from reldyn.errors import DataError
from reldyn.panel._panel import DyadPanel
from reldyn.panel._schedule import Schedule

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SampleTruth", "load_sample", "load_sample_truth"]

_LIKERT = ("warmth_given", "warmth_received", "longing", "satisfaction", "attachment_anxiety", "attachment_avoidance")
_SLIDERS = ("stress", "positive_affect", "negative_affect")


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class SampleTruth:
    """What was planted in the sample study.

    Attributes
    ----------
    couples : pandas.DataFrame
        One row per couple and giver (the person whose warmth it is): ``dyad``, ``composition``, ``giver``,
        ``receiver``, ``kind``, ``period`` (beeps), ``sojourn_cv``, ``effect``, ``reliability``, ``phi_warmth``,
        ``phi_response``, ``shift_day``, ``shift_beep``.
    phases : pandas.DataFrame
        ``dyad``, ``giver``, ``day``, ``beep``, ``phase`` for every scheduled beep of the series that have phases.
    effects : pandas.DataFrame
        ``outcome``, ``effect``, ``variable``, ``level``, ``composition``, ``role`` (empty where common to all),
        ``estimate``, ``random_sd`` (SD of the effect over persons).
    settings : dict
        Seed, size and the wording of how effects are scaled.
    """

    couples: pd.DataFrame
    phases: pd.DataFrame
    effects: pd.DataFrame
    settings: dict[str, Any]

    def __repr__(self) -> str:
        tables = {field.name: len(getattr(self, field.name)) for field in dataclasses.fields(self)[:-1]}
        sizes = ", ".join(f"{name}: {counted(count, 'row')}" for name, count in tables.items())
        return f"SampleTruth({sizes}; settings: {', '.join(self.settings)})"


def load_sample() -> DyadPanel:
    """Load the sample study: 140 simulated couples, 56 days with four beeps a day.

    Female-male couples (120) and same-sex couples (10 female-female, 10 male-male) rate warmth given and received,
    longing, stress, positive and negative affect at every beep, and satisfaction and conflict at the last beep of a
    day. A third of the couples have intermittent cycles of warmth. No real person answered.

    Returns
    -------
    DyadPanel
        62,720 rows, one per person and scheduled beep. About a fifth of the beeps was missed: those rows have no
        answers and no answering time. Roles are genders; the scales of all ratings are declared, and the length of a
        night follows from the clock (three steps).

    Raises
    ------
    DataError
        The files are not where the installation or the checkout should have them.

    See Also
    --------
    load_sample_truth : what was planted.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.load_sample()
    >>> panel.n_dyads, panel.n_persons, panel.roles
    (140, 280, ('female', 'male'))
    """
    import pandas as pd

    frame = pd.read_csv(_sample_file("data/study-couples_data.csv"), encoding="utf-8")
    for name in ("scheduled", "answered"):
        frame[name] = pd.to_datetime(frame[name], format="%Y-%m-%dT%H:%M")
    scales: dict[str, tuple[float, float]] = dict.fromkeys(_LIKERT, (1, 7))
    scales |= dict.fromkeys(_SLIDERS, (0, 100))
    return DyadPanel(
        frame,
        dyad="dyad",
        person="person",
        role="role",
        day="day",
        beep="beep",
        schedule=Schedule(scheduled="scheduled", answered="answered"),
        scales=scales,
    )


def load_sample_truth() -> SampleTruth:
    """Load what was planted in the sample study: kinds of series, true phases, true effects.

    Returns
    -------
    SampleTruth

    Raises
    ------
    DataError
        The files are not where the installation or the checkout should have them.

    Examples
    --------
    >>> import reldyn as rd
    >>> truth = rd.load_sample_truth()
    >>> intermittent = truth.couples["kind"].isin(["cycle", "alternation"])
    >>> truth.couples.loc[intermittent, "dyad"].nunique()
    47
    """
    import pandas as pd

    settings = json.loads(_sample_file("truth/study-couples_truth.json").read_text(encoding="utf-8"))
    couples = pd.read_csv(_sample_file("truth/study-couples_laws.csv"), encoding="utf-8")
    sojourns = pd.read_csv(_sample_file("truth/study-couples_sojourns.csv"), encoding="utf-8")
    effects = pd.DataFrame(settings.pop("effects"))
    return SampleTruth(couples, _phases(sojourns, settings["beeps_per_day"]), effects, settings)


def _phases(sojourns: pd.DataFrame, beeps_per_day: int) -> pd.DataFrame:
    """Unfold sojourns to one row per occasion."""
    rows = sojourns.loc[sojourns.index.repeat(sojourns["length"])]
    occasion = rows.groupby(["dyad", "giver"]).cumcount().to_numpy()
    unfolded = rows[["dyad", "giver", "phase"]].reset_index(drop=True)
    unfolded.insert(2, "day", occasion // beeps_per_day + 1)
    unfolded.insert(3, "beep", occasion % beeps_per_day + 1)
    return unfolded


def _sample_file(name: str) -> Path:
    """Find a file of the sample study: in the installed package, else in the checkout the package lies in."""
    package = Path(__file__).resolve().parents[2]
    installed, checkout = package / "_sample", package.parents[1] / "data" / "sample"
    for folder in (installed, checkout):
        if (folder / name).is_file():
            return folder / name
    raise DataError(
        f"the sample study's file {name} is neither in {installed} nor in {checkout}: reinstall reldyn, or run "
        "python tools/make_sample.py in a checkout."
    )
