"""Careless stretches: the rule by brute force, whom it spares, and where it is reported."""

import itertools
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reldyn as rd
from reldyn.errors import DataError, DesignError
from reldyn.panel import careless_stretches


def by_hand(answers):
    """The rule for one person, run by run and pair by pair: (first, last, length, expected) of each unlikely run."""
    prompts = [(at, tuple(row)) for at, row in enumerate(answers.tolist()) if not np.isnan(row).any()]
    runs = [list(part) for _, part in itertools.groupby(prompts, key=lambda prompt: prompt[1])]
    found = []
    for number, run in enumerate(runs):
        if len(run) < 5:
            continue
        value = run[0][1]
        others = [other for at, other in enumerate(runs) if at != number]
        outside = [len(other) for other in others if other[0][1] == value]
        pairs_outside = len(prompts) - len(run)
        repeats = sum(len(other) - 1 for other in others)
        overall = repeats / pairs_outside if pairs_outside else 0.0
        rate = (sum(size - 1 for size in outside) + 5 * overall) / (sum(outside) + 5)
        expected = len(runs) * rate ** (len(run) - 1)
        if expected < 0.5:
            found.append((run[0][0], run[-1][0], len(run), expected))
    return found


def rows_of(found, item):
    own = found.item == item
    return list(zip(found.first[own], found.last[own], found.length[own], found.expected[own], strict=True))


def clinical_picture(rng, sd, n=200):
    """Days at 6 and 7, then days at 1 and 2, in both channels: geometric phases of mean 12 beeps."""
    warm = np.cumsum(rng.random(n) < 1 / 12) % 2
    place = np.where(warm == 1, 6.6, 1.4)[:, None] + rng.normal(0, sd, (n, 2))
    answers = np.clip(np.rint(place), 1, 7)
    answers[rng.random(n) < 0.17] = np.nan
    return answers


def diary(rng, n=200):
    """Autocorrelated answers of seven points, 17 % missing."""
    state = np.zeros((n, 2))
    for at in range(1, n):
        state[at] = 0.4 * state[at - 1] + rng.normal(size=2)
    answers = np.clip(np.rint(4 + 1.2 * state), 1, 7)
    answers[rng.random(n) < 0.17] = np.nan
    return answers


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(0, 60), points=st.integers(1, 4), stay=st.sampled_from([0, 0.6, 0.9]))
def test_the_rule_agrees_with_counting(seed, n, points, stay):
    rng = np.random.default_rng(seed)
    answers = rng.integers(0, points, (n, 2)).astype(float)
    for at in range(1, n):
        if rng.random() < stay:
            answers[at] = answers[at - 1]
    answers[rng.random((n, 2)) < 0.1] = np.nan
    found = careless_stretches(answers)
    wanted = by_hand(answers)
    assert rows_of(found, -1) == [tuple(pytest.approx(value) for value in run) for run in wanted]
    masked = np.zeros(n, dtype=bool)
    for first, last, *_ in wanted:
        masked[first : last + 1] = np.isfinite(answers[first : last + 1]).all(axis=1)
    np.testing.assert_array_equal(found.masked, masked)
    for item in (0, 1):
        single = by_hand(answers[:, [item]])
        seen = np.isfinite(answers[:, item])
        beyond = [run for run in single if (seen & ~masked)[run[0] : run[1] + 1].any()]
        assert rows_of(found, item) == [tuple(pytest.approx(value) for value in run) for run in beyond]


def test_persons_do_not_meet():
    rng = np.random.default_rng(3)
    parts = [diary(rng, 60) for _ in range(6)]
    for part in parts[::2]:
        part[20:29] = [2, 6]
    parts[1][:3] = parts[0][-3:] = [4, 4]
    together = careless_stretches(np.vstack(parts), np.repeat([7, 3, 5, 1, 2, 0], 60))
    alone = [careless_stretches(part).masked for part in parts]
    np.testing.assert_array_equal(together.masked, np.concatenate(alone))


@pytest.mark.parametrize("sd", [0.6, 0.3])
def test_the_clinical_picture_keeps_its_runs(sd):
    rng = np.random.default_rng(11)
    series = [clinical_picture(rng, sd) for _ in range(200)]
    masked = np.array([careless_stretches(answers).masked.mean() for answers in series])
    longest = [max(len(list(part)) for _, part in itertools.groupby(map(tuple, a))) for a in series]
    assert np.mean(np.array(longest) >= 5) > {0.6: 0.1, 0.3: 0.3}[sd]
    assert masked.mean() < 0.02
    assert np.mean(masked > 0.2) == 0


def test_bursts_at_odd_places_go():
    rng = np.random.default_rng(12)
    hit = total = other = elsewhere = 0
    for _ in range(60):
        answers = diary(rng)
        burst = np.zeros(200, dtype=bool)
        for _ in range(4):
            start, length = rng.integers(0, 180), rng.integers(8, 17)
            answers[start : start + length] = np.where(
                np.isnan(answers[start : start + length]), np.nan, rng.integers(1, 8, 2)
            )
            burst[start : start + length] = True
        masked = careless_stretches(answers).masked
        complete = np.isfinite(answers).all(axis=1)
        hit += (masked & burst).sum()
        total += (burst & complete).sum()
        other += (masked & ~burst).sum()
        elsewhere += (complete & ~burst).sum()
    assert hit / total > 0.85
    assert other / elsewhere < 0.01


def test_runs_in_one_channel_are_counted_and_not_masked():
    answers = diary(np.random.default_rng(5))
    answers[50:70, 0] = 6
    found = careless_stretches(answers)
    assert found.length[found.item == 0].max() > 14
    assert (found.item >= 0).all()
    assert not found.masked.any()
    assert not careless_stretches(answers[:, :1]).masked.any()


@pytest.mark.parametrize(
    "answers", [np.zeros((0, 2)), np.full((20, 2), np.nan), np.zeros((4, 2)), np.zeros((20, 0)), [[1, np.inf]] * 9]
)
def test_nothing_to_judge_is_no_stretch(answers):
    found = careless_stretches(answers)
    assert len(found) == 0 or np.isinf(answers).any()
    assert not found.masked.any()


def test_a_series_that_never_varies_is_one_stretch():
    assert careless_stretches(np.full((30, 2), 4.0)).masked.all()


@pytest.mark.parametrize(
    ("answers", "unit"), [([1, 2, 3], None), ([["a", "b"]], None), (np.zeros((4, 2)), [1, 2]), ([[1, 2], [3]], None)]
)
def test_what_is_no_table_is_refused(answers, unit):
    with pytest.raises(DataError):
        careless_stretches(answers, unit)


@pytest.fixture
def frame():
    rng = np.random.default_rng(8)
    parts = [diary(rng, 120) for _ in range(4)]
    parts[2][40:52] = [5, 2]
    rows = pd.DataFrame(np.vstack(parts), columns=["warmth", "longing"])
    rows.insert(0, "couple", np.repeat([1, 1, 2, 2], 120))
    rows.insert(1, "who", np.repeat(["a", "b", "c", "d"], 120))
    rows.insert(2, "beep", np.tile(np.arange(120), 4))
    return rows


SCALES = {"warmth": (1, 7), "longing": (1, 7)}


def test_a_panel_lists_its_stretches(frame):
    panel = rd.DyadPanel(frame.sample(frac=1, random_state=1), dyad="couple", person="who", time="beep", scales=SCALES)
    table = panel.careless(["warmth", "longing"])
    row = table[table["masked"]].iloc[0]
    assert table["masked"].sum() == 1
    assert row[["dyad", "person", "items", "first", "last", "length"]].tolist() == [
        *(2, "c", "all", "beep 40", "beep 51", 12)
    ]
    assert panel.frame["beep"].iloc[row["first_row"]] == 40
    with pytest.raises(DesignError, match="each once"):
        panel.careless(["warmth", "warmth"])
    with pytest.raises(DataError):
        panel.careless(["warmth", "nothing"])
    assert not panel.careless(["warmth"])["masked"].any()


def test_the_finding_names_the_rows_and_asks(frame):
    found = rd.check_panel(frame, dyad="couple", person="who", time="beep", scales=SCALES)
    one = found[found["code"] == "careless-stretch"].iloc[0]
    assert one["severity"] == "warning"
    assert list(one["rows"]) == list(range(280, 292))
    assert "12 prompts in a row with the same answers to all 2 items, unlikely for one person" in one["message"]
    assert one["fix"].startswith("Is it straight-lining, or did nothing change?")


def test_items_asked_at_some_prompts_and_running_numbers_do_not_hide_a_stretch(frame):
    frame["morning"] = np.where(frame["beep"] % 4 == 0, np.arange(len(frame)) % 5, np.nan)
    frame["line"] = np.arange(len(frame))
    found = rd.check_panel(frame, dyad="couple", person="who", time="beep")
    one = found[found["code"] == "careless-stretch"].iloc[0]
    assert one["column"] == "warmth, longing"
    assert list(one["rows"]) == list(range(280, 292))


def test_a_million_prompts_take_a_second():
    rng = np.random.default_rng(1)
    answers = rng.integers(1, 8, (1_000_000, 3)).astype(float)
    start = time.process_time()
    careless_stretches(answers, np.repeat(np.arange(2500), 400))
    assert time.process_time() - start < 3
