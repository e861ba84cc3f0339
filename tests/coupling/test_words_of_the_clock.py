"""What summaries and axes call a step: a day in a diary of one entry a day, and nothing a study does not have."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

SUMMARIES = {
    "var": lambda p: rd.coupling.var(p, "v"),
    "two-step var": lambda p: rd.coupling.var(p, "v", pooling="two-step"),
    "lag_sequential": lambda p: rd.coupling.lag_sequential(p, "v", bins=[0.0], n_permutations=0),
    "transition_logit": lambda p: rd.coupling.transition_logit(p, "v", bins=[0.0]),
}


def diary(clock):
    """Twelve dyads with 60 entries: a day each, four a day, or counted without days."""
    dyad, who, time = (part.ravel() for part in np.indices((12, 2, 60)))
    frame = pd.DataFrame({"dyad": dyad, "person": 2 * dyad + who, "role": np.where(who, "b", "a"), "time": time})
    frame["v"] = np.random.default_rng(3).standard_normal(len(frame))
    frame = frame.assign(day=time // 4, beep=time % 4)
    named = {"daily": {"day": "time"}, "beeps": {"day": "day", "beep": "beep"}, "counted": {"time": "time"}}[clock]
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", **named)


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
@pytest.mark.parametrize("name", SUMMARIES)
def test_a_summary_says_where_lags_lead(name):
    for clock, phrase in (("daily", "from day to day"), ("beeps", "within days"), ("counted", None)):
        result = SUMMARIES[name](diary(clock))
        text = " ".join(result.summary().split())
        for possible in ("within days", "from day to day", "within a day"):
            assert (possible in text) == (possible == phrase), (clock, possible, text)
        assert rd.from_json(result.to_json()).summary() == result.summary()


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_axes_of_a_daily_diary_count_days():
    none = {"surrogate": None}
    for clock, unit in (("daily", "day"), ("beeps", "occasion")):
        panel = diary(clock)
        length = 12 if clock == "daily" else 3
        figures = [
            rd.coupling.cross_correlation(panel, "v", max_lag=1, **none).plot(),
            rd.coupling.recurrence(panel, "v", max_lag=1, radius=0.5, **none).plot(),
            rd.coupling.windowed_cross_correlation(panel, "v", window=length, increment=1, max_lag=0, **none).plot(),
            rd.coupling.susy(panel, "v", segment=length + 1, max_lag=1, n_surrogates=19, seed=1).plot(),
            rd.coupling.asymmetry(panel.select(dyads=[0, 1]), "v").plot(),
        ]
        labels = [
            text for figure in figures if figure for ax in figure.axes for text in (ax.get_xlabel(), ax.get_ylabel())
        ]
        other = {"day": "occasion", "occasion": "day"}[unit]
        assert sum(unit in label for label in labels) >= 5
        assert not [label for label in labels if other in label]


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_without_a_difference_to_judge_asymmetry_says_so():
    found = rd.coupling.asymmetry(diary("daily").select(dyads=[0, 1, 2, 3]), "v")
    checked = (found.checks["verdict"] != "").sum()
    text = " ".join(found.summary().split())
    assert ("No difference has p < .05" in text) == (checked == 0)
    assert "Of 0 differences" not in text
