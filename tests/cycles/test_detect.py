"""Detection from a panel to a result, on small data with few surrogates."""

import warnings

import joblib
import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.cycles._detect import detect_cycles

pytestmark = pytest.mark.usefixtures("brief_fits")


@pytest.fixture(scope="module")
def panel():
    return rd.simulate.cycles("cycle", n_dyads=1, n_occasions=64, missing=0.05, seed=5).panel


@pytest.fixture(scope="module")
def found(panel, brief_fits):
    return detect_cycles(panel, warmth="warmth", response="response", n_surrogates=19, seed=1)


def test_every_direction_has_eight_claims(found):
    table = found.tidy()
    assert table.groupby(["dyad", "giver"]).size().tolist() == [8] * 2
    assert table["claim"].unique().tolist() == [
        "regimes",
        "periodic",
        "irregular",
        "intermittent",
        "directed",
        "reinforcement",
        "volatility",
        "splitting",
    ]
    tested = table["p_value"].dropna()
    assert ((tested > 0) & (tested <= 1)).all()


@pytest.fixture(scope="module")
def plain(panel, brief_fits):
    return detect_cycles(panel, warmth="warmth", phases=2, n_surrogates=19, seed=1)


def test_the_result_does_not_depend_on_the_number_of_workers(panel, plain):
    # Threads, because other processes would not know of the short fits.
    with joblib.parallel_config(backend="threading"):
        parallel = detect_cycles(panel, warmth="warmth", phases=2, n_surrogates=19, seed=1, n_jobs=2)
    assert parallel.to_json() == plain.to_json()


def test_another_seed_draws_other_surrogates(panel, plain):
    other = detect_cycles(panel, warmth="warmth", phases=2, n_surrogates=19, seed=2)
    assert not other.tidy()["p_value"].equals(plain.tidy()["p_value"])
    assert other.setting["seed"] == 2


def test_phases_lie_on_the_rows_of_the_panel(panel, found):
    phases = found.phases()
    rows = panel.frame[["dyad", "role", "day", "beep"]].drop_duplicates()
    assert (
        len(phases.merge(rows, left_on=["dyad", "giver", "day", "beep"], right_on=["dyad", "role", "day", "beep"]))
        == 128
    )
    assert np.allclose(phases[["cold", "middle", "warm"]].sum(axis=1), 1)


def test_the_schedule_is_that_of_the_room(panel, found):
    expected = rd.cycles.schedule(panel, warmth="warmth", approach="response")
    pd.testing.assert_frame_equal(found.schedule(), expected.tidy())


def bad_study():
    """Three dyads: one receiver never varies, one partner is silent, one series is short."""
    frame = rd.simulate.cycles("linear", n_dyads=3, n_occasions=80, seed=2).panel.frame
    frame.loc[(frame["dyad"] == 1) & (frame["role"] == "a"), "warmth"] = 4
    frame.loc[(frame["dyad"] == 2) & (frame["role"] == "b"), ["warmth", "response"]] = np.nan
    frame.loc[(frame["dyad"] == 3) & (frame["day"] > 14), ["warmth", "response"]] = np.nan
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")


def test_what_cannot_be_tested_is_undecidable_with_a_reason_and_a_warning():
    with pytest.warns(rd.DataWarning) as caught:
        result = detect_cycles(bad_study(), warmth="warmth", response="response", n_surrogates=19, seed=1)
    assert str(caught[0].message) == "5 of 6 directions cannot carry a test; verdicts() says why."
    reasons = result.verdicts().set_index(["dyad", "giver"])["reason"]
    assert reasons[(1, "b")] == "answers never vary"
    assert reasons[(2, "a")] == "no answers"
    assert reasons[(2, "b")] == "the partner never answers"
    assert reasons[(3, "a")].startswith("56 answered occasions, below 60")
    assert (result.verdicts()["verdict"] == "not decidable").sum() >= 5
    assert "5 of 6 directions cannot carry a test" in result.warnings
    rd.from_json(result.to_json())


def test_warnings_name_the_common_reporter_and_the_unknown_night(found):
    assert found.warnings[0].startswith("warmth and response of a direction are answers of one person")
    frame = rd.simulate.cycles("linear", n_dyads=1, n_occasions=40, seed=2).panel.frame
    blind = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rd.DataWarning)
        result = detect_cycles(blind, warmth="warmth", n_surrogates=19, seed=1)
    assert any(note.startswith("the length of the night is unknown") for note in result.warnings)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"warmth": "warmht"}, rd.DataError, "no column 'warmht' in the panel (nearest: 'warmth')."),
        ({"phases": 4}, rd.DesignError, "phases=4 is not known; allowed: 'auto', 2, 3."),
        ({"alpha": 1.5}, rd.DesignError, "alpha=1.5 is no level: give a number between 0 and 1."),
        ({"n_surrogates": 5}, rd.DesignError, "n_surrogates=5: give a whole number from 19"),
        ({"response": "warmth"}, rd.DesignError, "column 'warmth' is named twice"),
        ({"covariates": "stress"}, rd.DesignError, "covariates='stress': give a sequence of column names"),
        ({"reported_by": "both"}, rd.DesignError, "reported_by='both' is not known"),
        ({"n_jobs": 0}, rd.DesignError, "n_jobs=0 is not a count"),
    ],
)
def test_a_bad_call_is_one_sentence(panel, options, error, message):
    with pytest.raises(error) as caught:
        detect_cycles(panel, **({"warmth": "warmth", "n_surrogates": 19, "seed": 1} | options))
    assert str(caught.value).startswith(message)


def test_a_calibration_is_the_same_for_any_number_of_workers(panel):
    options = {"warmth": "warmth", "n_replications": 1, "n_surrogates": 19, "seed": 4, "phases": 2}
    one = rd.cycles.calibrate(panel, **options)
    with joblib.parallel_config(backend="threading"):
        two = rd.cycles.calibrate(panel, **options, n_jobs=2)
    assert one.to_json() == two.to_json()
    assert one.p_regimes.shape == (4, 1)
    assert (one.p_intermittent >= one.p_regimes).all()


def test_a_panel_that_carries_no_test_has_no_design_to_calibrate():
    short = rd.simulate.cycles("linear", n_dyads=1, n_occasions=40, seed=2).panel
    with pytest.raises(rd.DataError) as caught:
        rd.cycles.calibrate(short, warmth="warmth", n_replications=2, n_surrogates=19)
    assert str(caught.value).startswith("no direction of the panel can carry a test")
    with pytest.raises(rd.DesignError) as refused:
        rd.cycles.calibrate(short, warmth="warmth", effect=-1)
    assert str(refused.value) == "effect=-1 is no size: give a number above 0, in units of the usual phases."


@pytest.mark.parametrize("error", [np.linalg.LinAlgError("Singular matrix"), rd.DataError("too few answers")])
def test_a_breakdown_inside_a_test_makes_one_direction_undecidable_and_stops_nothing(panel, monkeypatch, error):
    from reldyn.cycles.ladder import _claim_tests

    def broken(*args, **options):
        raise error

    monkeypatch.setattr(_claim_tests, "assess_regimes", broken)
    with pytest.warns(rd.DataWarning):
        result = detect_cycles(panel, warmth="warmth", n_surrogates=19, seed=1)
    assert result.verdicts()["verdict"].tolist() == ["not decidable"] * 2
    assert result.verdicts()["reason"][0] == f"the tests broke down on these answers ({error})"


def test_series_without_phases_are_not_supported_where_the_stored_power_suffices(monkeypatch):
    asked = []
    monkeypatch.setattr("reldyn.cycles._detect.power_of", lambda **design: asked.append(design) or (0.85, 0.02))
    panel = rd.simulate.cycles("linear", n_dyads=1, n_occasions=80, seed=3).panel
    found = rd.detect_cycles(panel, warmth="warmth", n_surrogates=19, seed=3, effect=2.0)
    assert [design["effect"] for design in asked] == [2.0, 2.0]
    assert found.verdicts()["verdict"].tolist() == ["not supported"] * 2
    assert (
        found.verdicts()["reason"]
        .str.endswith(
            "no sign of abrupt cycles of 2 SD or more (power 0.85 or above); gradual or weaker ones are not excluded"
        )
        .all()
    )
