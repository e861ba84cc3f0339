"""Check the decay after warmth against planted half-lives and hazards counted by hand."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.cycles.consequences._persistence import fall_hazard, half_life
from reldyn.cycles.series._runs import cycle_number, spells
from reldyn.errors import DataError, DesignError

COLUMNS = ["dyad", "giver", "half_life", "conf_low", "conf_high", "fall", "hazard", "hazard_low", "hazard_high"]
COLUMNS += ["n_runs", "n_pairs", "note"]


def runs_of(rng, half, fall, n_runs=20):
    """Times since warmth, responses with autocorrelated errors, and the run each belongs to."""
    parts = []
    for run in range(n_runs):
        elapsed = np.arange(1, rng.integers(4, 17), dtype=float)
        error = 0.6 * rng.standard_normal(len(elapsed))
        for place in range(1, len(error)):
            error[place] = 0.5 * error[place - 1] + math.sqrt(0.75) * error[place]
        response = 3 + fall * 0.5 ** ((elapsed - 1) / half) + error
        parts.append(np.column_stack([elapsed, response, np.full(len(elapsed), run)]))
    elapsed, response, run = np.vstack(parts).T
    return elapsed, response, run.astype(int), np.zeros((len(run), 0))


def panel_of(warmth, response, role=("a", "b")):
    """One couple with the same answers in both members; one beep a day."""
    n = len(warmth)
    frame = pd.DataFrame({"dyad": 1, "role": np.repeat(role, n), "day": np.tile(np.arange(n), 2)})
    frame["warmth"], frame["longing"] = np.tile(warmth, 2), np.tile(response, 2)
    return rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="day")


def decaying(half=3.0, fall=2.0, n_runs=14, length=12, noise=0.2):
    rng = np.random.default_rng(4)
    place = np.tile(np.arange(length), n_runs)
    warmth = np.where(place < 3, 7.0, 2.0)
    response = 3 + fall * 0.5 ** (np.maximum(place - 3, 0) / half) + noise * rng.standard_normal(len(place))
    return panel_of(warmth, response)


@pytest.mark.parametrize("half", [1.0, 3.0, 6.0])
def test_the_interval_covers_a_planted_half_life(half):
    rng = np.random.default_rng(1)
    found = [half_life(*runs_of(rng, half, 2.0)) for _ in range(150)]
    assert np.nanmedian([one[0] for one in found]) == pytest.approx(half, rel=0.15)
    assert np.mean([one[1] <= half <= one[2] for one in found]) >= 0.89


def test_without_a_decay_hardly_any_series_gets_a_half_life():
    rng = np.random.default_rng(2)
    found = [half_life(*runs_of(rng, 3.0, 0.0)) for _ in range(150)]
    assert np.mean([math.isfinite(one[0]) for one in found]) <= 0.11
    reasons = {one[4] for one in found if not math.isfinite(one[0])}
    assert reasons == {
        "no half-life is ruled out: the decay cannot be dated",
        "the response does not fall after warmth ends",
    }


def test_a_decay_without_noise_is_read_off_the_panel():
    found = rd.cycles.persistence(decaying(noise=0.01), warmth="warmth", response="longing")
    assert found.columns.tolist() == COLUMNS
    assert found["giver"].tolist() == ["a", "b"]
    assert found["half_life"].tolist() == pytest.approx([3.0, 3.0], rel=0.04)
    assert found["fall"].tolist() == pytest.approx([2.0, 2.0], abs=0.02)
    assert found["n_runs"].tolist() == [14, 14]
    assert found["note"].tolist() == ["", ""]


def test_half_life_does_not_depend_on_units_of_the_response():
    rng = np.random.default_rng(3)
    elapsed, response, run, nothing = runs_of(rng, 3.0, 2.0)
    assert half_life(elapsed, 10 * response - 4, run, nothing)[:3] == pytest.approx(
        half_life(elapsed, response, run, nothing)[:3]
    )


def test_time_of_day_is_taken_out():
    rng = np.random.default_rng(5)
    elapsed, response, run, _ = runs_of(rng, 3.0, 2.0)
    evening = (np.arange(len(run)) % 2).astype(float)[:, None]
    plain = half_life(elapsed, response, run, evening)
    shifted = half_life(elapsed, response + 5 * evening[:, 0], run, evening)
    assert shifted[:4] == pytest.approx(plain[:4])


def test_the_hazard_is_counted_by_hand():
    #                 warm      first spell     warm  second spell, a night before its second beep
    state = np.array([1, 0, 0, 0, 1, 0, 0, 0.0])
    response = np.array([5, 6, 4, 1, 5, 5, 1, 1.0])
    night = np.array([False, False, False, False, False, False, True, False])
    spell, origin = spells(state)
    # Median 4.5: the first spell falls at its second pair; the second falls over night and leaves no event.
    assert fall_hazard(response, spell, origin, night, np.arange(8.0)) == (1, 3)
    response[2] = np.nan
    assert fall_hazard(response, spell, origin, night, np.arange(8.0)) == (0, 2)


def test_a_memoryless_response_falls_every_second_beep():
    rng = np.random.default_rng(6)
    state = np.where(np.arange(6000) % 10 == 0, 1.0, 0.0)
    spell, origin = spells(state)
    n_falls, n_pairs = fall_hazard(
        rng.standard_normal(6000), spell, origin, np.zeros(6000, dtype=bool), np.arange(6000.0)
    )
    assert n_falls / n_pairs == pytest.approx(0.5, abs=0.05)


def test_unanswered_warmth_neither_ends_nor_begins_a_run():
    state = np.array([1, np.nan, 1, 0, 1, np.nan, np.nan, 1])
    assert cycle_number(state).tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    assert spells(state)[0].tolist() == [-1, -1, -1, 0, -1, -1, -1, -1]


def test_without_any_warm_occasion_there_is_no_spell():
    assert spells(np.zeros(4))[0].tolist() == [-1, -1, -1, -1]
    assert cycle_number(np.full(4, np.nan)).tolist() == [0, 0, 0, 0]


def test_few_runs_and_a_constant_response_get_a_note():
    few = rd.cycles.persistence(decaying(n_runs=5), warmth="warmth", response="longing")
    assert few["note"].tolist() == ["5 runs of warmth with an end, below 8"] * 2
    assert few["half_life"].isna().all() and few["hazard"].isna().all()
    flat = panel_of(np.tile([7.0, 7, 2, 2, 2, 2], 12), np.ones(72))
    assert rd.cycles.persistence(flat, warmth="warmth", response="longing")["note"][0] == "the response never varies"
    silent = panel_of(np.full(72, np.nan), np.ones(72))
    assert rd.cycles.persistence(silent, warmth="warmth", response="longing")["note"].tolist() == ["no answers"] * 2


def test_an_unknown_night_is_said():
    panel = rd.simulate.cycles("linear", n_dyads=1, n_occasions=120, seed=1).panel
    frame = panel.frame.copy()
    names = {name: panel.columns[name] for name in ("dyad", "person", "role", "day", "beep")}
    unknown = rd.DyadPanel(frame, **{name: column for name, column in names.items() if column is not None})
    found = rd.cycles.persistence(unknown, warmth="warmth", response="response")
    assert found["note"].str.contains("the length of the night is unknown").all()


def test_phases_of_a_detection_can_say_what_was_warm(make, made):
    panel = decaying(n_runs=20, length=10)
    outcomes = [make.outcome(1, "a"), make.outcome(1, "b")]
    occasion = np.arange(200)
    warm = occasion % 10 < 3
    posterior = np.column_stack([~warm, np.zeros(200), warm]).astype(float)
    fit = dataclasses.replace(make.phases(3), posterior=posterior)
    planted = [dataclasses.replace(one, fit=fit, occasion=occasion) for one in outcomes]
    by_phase = rd.cycles.persistence(panel, warmth="warmth", response="longing", phases=make.result(planted))
    by_answer = rd.cycles.persistence(panel, warmth="warmth", response="longing")
    pd.testing.assert_frame_equal(by_phase.tidy(), by_answer.tidy())
    without = make.result([dataclasses.replace(one, fit=None) for one in outcomes])
    note = rd.cycles.persistence(panel, warmth="warmth", response="longing", phases=without)["note"][0]
    assert note == "no fitted phases"
    with pytest.raises(DesignError) as error:
        rd.cycles.persistence(panel, warmth="warmth", response="longing", reported_by="giver", phases=made)
    assert str(error.value) == (
        "phases are those of 'warmth' reported by the receiver, not of 'warmth' reported by the giver: "
        "give the same warmth and reported_by as to detect_cycles."
    )


def test_wrong_columns_and_options_are_refused():
    panel = decaying()
    with pytest.raises(DataError, match="longign"):
        rd.cycles.persistence(panel, warmth="warmth", response="longign")
    with pytest.raises(DesignError, match="reported_by='both' is not known"):
        rd.cycles.persistence(panel, warmth="warmth", response="longing", reported_by="both")
    with pytest.raises(DesignError, match="event='phase' is not known"):
        rd.cycles.persistence(panel, warmth="warmth", response="longing", event="phase")


def test_the_wording_forbids_a_causal_reading():
    text = " ".join(rd.cycles.persistence.__doc__.split())
    assert "never a cause" in text and "reversed within" in text
