import re

import numpy as np
import pytest
import statsmodels.api as sm

import reldyn as rd
from reldyn.cycles.consequences._vigilance import slopes_of_change
from reldyn.cycles.series._series import DirectionSeries


def series_of(excess, seed=1, n=240):
    """A response that reacts to a fall by .4 + ``excess`` per point, to a rise by -.4."""
    rng = np.random.default_rng(seed)
    warmth = np.clip(np.rint(4 + 1.5 * rng.standard_normal(n)), 1, 7)
    change = np.diff(warmth, prepend=warmth[0])
    response = (0.4 + excess) * np.maximum(-change, 0) - 0.4 * np.maximum(change, 0) + 0.5 * rng.standard_normal(n)
    return DirectionSeries.from_arrays(
        np.column_stack([warmth, response]), day=np.arange(n) // 4, beep=np.arange(n) % 4
    )


def test_the_planted_excess_is_recovered():
    found = slopes_of_change(series_of(0.5))
    assert found["conf_low"] < 0.5 < found["conf_high"]
    assert found["p_value"] < 0.001
    assert (found["fall"], found["rise"]) == pytest.approx((0.9, -0.4), abs=0.1)


def test_slopes_and_errors_are_those_of_statsmodels():
    series = series_of(0.2, seed=3)
    pairs = ~series.night[1:]
    before, after = series.y[:-1][pairs], series.y[1:][pairs]
    change = after[:, 0] - before[:, 0]
    beep = series.beep[1:][pairs]
    design = np.column_stack(
        [np.maximum(-change, 0), np.maximum(change, 0), np.ones(len(change)), before, beep == 2, beep == 3]
    ).astype(float)
    fit = sm.OLS(after[:, 1], design).fit(
        cov_type="HAC", cov_kwds={"maxlags": int(len(change) ** 0.25), "use_correction": True}
    )
    contrast = np.array([1.0, 1.0, 0, 0, 0, 0, 0])
    found = slopes_of_change(series)
    assert found["difference"] == pytest.approx(float(contrast @ fit.params))
    assert found["std_error"] == pytest.approx(float(np.sqrt(contrast @ fit.cov_params() @ contrast)))


def test_equal_reactions_are_called_different_in_about_one_in_twenty():
    p_values = [slopes_of_change(series_of(0.0, seed=seed))["p_value"] for seed in range(200)]
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.11


def test_the_last_row_pools_over_dyads_and_short_series_get_a_note():
    panel = rd.simulate.cycles("linear", n_dyads=5, n_occasions=120, seed=1).panel
    found = rd.cycles.vigilance(panel, warmth="warmth", response="response")
    assert isinstance(found, rd.cycles.VigilanceResult)
    assert found["dyad"].tolist()[-1] == "sample"
    assert found["conf_low"].iloc[-1] < 0 < found["conf_high"].iloc[-1]
    short = rd.simulate.cycles("linear", n_dyads=1, n_occasions=20, seed=1).panel
    note = rd.cycles.vigilance(short, warmth="warmth", response="response")["note"][0]
    assert re.fullmatch(r"\d (fall|rise)s? within days, below 10", note)


def test_the_summary_shows_the_pooled_row_of_a_long_table_and_says_what_the_difference_is():
    panel = rd.simulate.cycles("linear", n_dyads=8, n_occasions=80, seed=1).panel
    found = rd.cycles.vigilance(panel, warmth="warmth", response="response")
    text = found.summary()
    pooled = found.tidy().iloc[-1]
    assert "sample  " in text and f"{pooled['difference']:.3f}" in text
    assert text.index("sample  ") < text.index("... and 4 rows more")
    assert "<td>sample</td>" in found._repr_html_()
    assert (
        "A slope is in points of the response per point of change, and a fall counts as positive; where the response "
        "follows rises and falls alike, fall is the negative of rise, and the difference, fall plus rise, is 0."
    ) in " ".join(text.split())
    shown = found.tidy().iloc[:4]
    assert np.allclose(shown["difference"], shown["fall"] + shown["rise"])
