"""Copied answers of partners and slips of background variables, planted at known rows."""

import numpy as np
import pandas as pd
import pytest

from reldyn.panel.checks._findings import check_panel

N = 40
ROLES = {"dyad": "couple", "person": "id", "role": "role", "time": "t"}


@pytest.fixture
def frame():
    """Six couples; row = couple * 80 + t * 2 + role."""
    rng = np.random.default_rng(5)
    couple, t, role = (part.ravel() for part in np.meshgrid(range(6), range(N), [0, 1], indexing="ij"))
    made = pd.DataFrame({"couple": couple, "t": t, "role": role, "id": couple * 10 + role})
    return made.assign(
        dial=rng.uniform(0, 4, len(made)).round(3),
        mood=rng.integers(1, 6, len(made)),
        age=30 + 3 * couple + role,
        beep=t % 5,
        weather=rng.normal(size=N)[t],
    )


def found(frame, code, **changes):
    table = check_panel(frame, **(ROLES | changes))
    return table[table["code"] == code].set_index("column")


def copy_partner(frame, column, where):
    """Give role 1 the values of role 0 at these rows' occasions."""
    own = frame.loc[frame["role"] == 0].set_index(["couple", "t"])[column]
    rows = where & (frame["role"] == 1)
    frame.loc[rows, column] = own.loc[list(zip(frame["couple"][rows], frame["t"][rows], strict=True))].to_numpy()


def test_what_all_partners_share_is_no_copy(frame):
    assert found(frame, "identical-partners").empty
    assert found(frame.assign(mood=1), "identical-partners").empty


def test_a_copied_series_is_found_with_its_dyad(frame):
    where = frame["couple"] == 2
    copy_partner(frame, "dial", where)
    table = found(frame, "identical-partners")
    assert table.index.tolist() == ["dial"]
    assert "in dyad 2 (40 of 40)" in table.loc["dial", "message"]
    assert list(table.loc["dial", "rows"]) == np.flatnonzero(where).tolist()


@pytest.mark.parametrize(("length", "said"), [(9, False), (10, True), (25, True)])
def test_a_copied_run_needs_ten_occasions_and_may_skip_unanswered_ones(frame, length, said):
    gaps = [5, 9]
    where = (frame["couple"] == 4) & (frame["t"] >= 3) & (frame["t"] < 3 + length + len(gaps))
    copy_partner(frame, "mood", where)
    outside = (frame["couple"] == 4) & ~where & (frame["role"] == 1)
    frame.loc[outside, "mood"] = frame["mood"].shift(1)[outside] % 5 + 1
    frame["mood"] = frame["mood"].astype(float)
    frame.loc[where & frame["t"].isin(gaps) & (frame["role"] == 0), "mood"] = np.nan
    table = found(frame, "identical-partners", scales={"mood": (1, 5)})
    assert table.index.tolist() == (["mood"] if said else [])
    if said:
        assert f"in dyad 4 ({length} of 38)" in table.loc["mood", "message"]
        assert list(table.loc["mood", "rows"]) == np.flatnonzero(where & ~frame["t"].isin(gaps)).tolist()


def test_agreement_that_is_usual_is_no_copy(frame):
    """Nineteen in twenty answers stand at the floor, so that runs of equal answers come about by chance."""
    rare = np.random.default_rng(7).random(len(frame)) < 0.05
    assert found(frame.assign(mood=np.where(rare, 2, 1)), "identical-partners", scales={"mood": (1, 5)}).empty


def test_a_single_dyad_with_a_declared_scale_is_looked_at(frame):
    copy_partner(frame, "dial", frame["couple"] == 0)
    one = frame[frame["couple"] == 0]
    assert found(one, "identical-partners", scales={"dial": (0, 4)}).index.tolist() == ["dial"]


@pytest.mark.parametrize("n_couples", [2, 3, 6])
def test_a_slip_of_a_background_variable_is_one_line(frame, n_couples):
    frame = frame[frame["couple"] < n_couples].reset_index(drop=True)
    frame.loc[25, "age"] = 93
    table = found(frame, "background-changes")
    assert table.index.tolist() == ["age"]
    assert list(table.loc["age", "rows"]) == [25]
    assert "but differs within 1 person (1): row 25" in table.loc["age", "message"]
    assert found(frame, "constant").empty


def test_a_birthday_gives_the_rows_after_it(frame):
    after = (frame["id"] == 31) & (frame["t"] >= 20)
    frame.loc[after, "age"] += 1
    assert list(found(frame, "background-changes").loc["age", "rows"]) == np.flatnonzero(after).tolist()


def test_a_slip_of_a_background_variable_of_two_values(frame):
    frame = frame.assign(sex=frame["role"])
    frame.loc[frame.index[12], "sex"] = 1
    assert list(found(frame, "background-changes").loc["sex", "rows"]) == [12]


def test_answers_that_most_persons_never_vary_are_no_background(frame):
    """A rare symptom is 0 in most persons throughout, and an item may be constant in a few only."""
    rare = frame.assign(symptom=np.where((frame["id"] == 10) & (frame["t"] == 7), 3, 0))
    assert found(rare, "background-changes").empty
    fixed = frame.assign(mood=frame["mood"].where(frame["couple"] > 1, frame["id"]))
    assert found(fixed, "background-changes").empty
    assert len(found(fixed, "constant")) == 4


@pytest.mark.parametrize(("factor", "said"), [(2.5, False), (3.9, False), (4.1, True), (0.2, True)])
def test_roles_measured_in_different_units_are_said(frame, factor, said):
    sample = frame.assign(dial=np.repeat(frame["dial"].to_numpy()[::2], 2))
    sample.loc[sample["role"] == 1, "dial"] *= factor
    table = found(sample, "unequal-scales")
    assert table.index.tolist() == (["dial"] if said else [])
    assert found(sample, "unequal-scales", scales={"dial": (0, 20)}).empty
    assert found(sample, "unequal-scales", role=None).empty


def test_a_cross_section_with_two_instruments_is_said(frame):
    sample = frame.assign(couple=np.arange(len(frame)) // 2, id=np.arange(len(frame)))
    sample["dial"] = sample["dial"].where(sample["role"] == 0, 25 * sample["dial"])
    table = found(sample, "unequal-scales", time=None)
    assert table.index.tolist() == ["dial"]
    assert "for 0 and" in table.loc["dial", "message"] and table.loc["dial", "n"] == len(frame)
