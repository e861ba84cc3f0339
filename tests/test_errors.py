"""Messages reach people, so they are tested whole."""

import numpy as np
import pytest

import reldyn as rd
from reldyn.errors import check_columns, check_count, check_option, describe_rows, is_count, label_hint


def test_data_and_design_errors_are_value_errors_of_reldyn():
    assert issubclass(rd.DataError, rd.ReldynError)
    assert issubclass(rd.DesignError, rd.ReldynError)
    assert issubclass(rd.DataError, ValueError)
    assert issubclass(rd.DesignError, ValueError)
    assert issubclass(rd.ConvergenceWarning, UserWarning)
    assert issubclass(rd.DataWarning, UserWarning)
    assert not issubclass(rd.ReldynError, ValueError)


def test_a_data_error_carries_its_findings():
    findings = object()
    assert rd.DataError("message", findings).findings is findings
    assert rd.DataError("message").findings is None


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([7], "row 7"),
        ([0, 2], "rows 0, 2"),
        ([1, 2, 3, 4, 5], "rows 1, 2, 3, 4, 5"),
        (range(10, 16), "rows 10, 11, 12, 13, 14 and 1 more"),
        (range(2005), "rows 0, 1, 2, 3, 4 and 2,000 more"),
    ],
)
def test_rows_are_named_and_counted(rows, text):
    assert describe_rows(rows) == text


def test_fewer_rows_can_be_shown():
    assert describe_rows([1, 2, 3], shown=1) == "rows 1 and 2 more"


def test_an_allowed_option_passes():
    assert check_option("ml", ("reml", "ml"), "method") is None
    assert check_option(None, (None, "z"), "inference") is None


def test_an_unknown_option_lists_the_allowed_ones_and_the_nearest():
    with pytest.raises(rd.DesignError) as caught:
        check_option("kenward", ("kenward-roger", "z", None), "inference")
    assert str(caught.value) == (
        "inference='kenward' is not known; allowed: 'kenward-roger', 'z', None. Did you mean 'kenward-roger'?"
    )


def test_another_word_for_an_option_is_understood_and_not_only_its_spelling():
    with pytest.raises(rd.DesignError, match=r"Did you mean 'exchangeable'\?$"):
        check_option("indistinguishable", ("distinguishable", "exchangeable"), "roles")
    with pytest.raises(rd.DesignError, match=r"Did you mean 'gaussian'\?$"):
        check_option("normal", ("gaussian", "binomial"), "family")


def test_an_option_like_no_other_gets_no_guess():
    with pytest.raises(rd.DesignError) as caught:
        check_option(7, ("reml", "ml"), "method")
    assert str(caught.value) == "method=7 is not known; allowed: 'reml', 'ml'."


def test_present_columns_pass():
    assert check_columns(["a", "b"], ["b"]) is None


def test_every_absent_column_is_named_at_once():
    with pytest.raises(rd.DataError) as caught:
        check_columns(["warmth", "stress"], ["warmht", "day", "stress"], "diary.csv")
    assert str(caught.value) == (
        "no column 'warmht' in diary.csv (nearest: 'warmth'); no column 'day' in diary.csv. Columns: warmth, stress."
    )


def test_a_wide_file_lists_its_first_thirty_columns():
    with pytest.raises(rd.DataError) as caught:
        check_columns([f"v{number}" for number in range(40)], ["outcome"])
    listed = ", ".join(f"v{number}" for number in range(30))
    assert str(caught.value) == f"no column 'outcome' in the panel. Columns: {listed} ...."


@pytest.mark.parametrize("value", [np.array([1, 2]), ["reml"], {}])
def test_what_cannot_be_compared_is_no_option(value):
    for allowed in (("reml", "ml"), {"reml": 1, "ml": 2}):
        with pytest.raises(rd.DesignError) as error:
            check_option(value, allowed, "method")
        assert str(error.value).startswith(f"method={value!r} is not known; allowed: 'reml', 'ml'.")


def test_a_warning_of_an_analysis_points_at_the_line_that_called_it():
    panel = rd.simulate.apim(n_dyads=8, n_occasions=1, actor=0.3, partner=0.2, seed=1).panel

    def asks():
        return rd.actor_partner.nonindependence(panel, ["y"])

    with pytest.warns(rd.DataWarning, match="Only 8 dyads") as caught:
        asks()
    assert [(one.filename, one.lineno) for one in caught] == [(__file__, asks.__code__.co_firstlineno + 1)]


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "2", None, np.int64(0), np.bool_(True), [2]])
def test_what_is_no_count_is_refused_in_one_sentence(value):
    assert not is_count(value, 1)
    with pytest.raises(rd.DesignError) as told:
        check_count(value, "n_boot", 1)
    shown = value.item() if isinstance(value, np.int64) else value
    assert str(told.value) == f"n_boot={shown!r}: give a whole number of at least 1."


@pytest.mark.parametrize("value", [1, 7, np.int64(2), np.uint8(3)])
def test_counts_of_python_and_numpy_are_counts(value):
    check_count(value, "n_boot", 1)


@pytest.mark.parametrize(
    ("asked", "known", "hint"),
    [
        ("1", (1, 2), " (did you mean 1, a number?)"),
        ("01", (1, 2), " (did you mean 1, a number?)"),
        (1, ("1", "2"), " (did you mean '1', text?)"),
        ("wmoan", ("man", "woman"), " (did you mean 'woman'?)"),
        (9, (1, 2), ""),
        (None, (1, 2), ""),
    ],
)
def test_a_label_of_another_kind_is_asked_for(asked, known, hint):
    assert label_hint(asked, known) == hint


def test_a_number_written_as_text_gets_a_hint_wherever_a_dyad_is_named():
    panel = rd.simulate.cycles("linear", n_dyads=3, n_occasions=40, seed=1).panel
    synchrony = rd.coupling.recurrence(panel, "warmth", radius=0.5, surrogate=None)
    grid = rd.coupling.state_space_grid(panel, "warmth", bins=3)
    for call in (
        lambda: panel.select(dyads="1"),
        lambda: rd.plot.trajectories(panel, ["warmth"], dyads="1"),
        lambda: synchrony.matrix("1"),
        lambda: synchrony.plot(dyad="1"),
        lambda: grid.plot(dyads="1"),
        lambda: rd.plot.schedule(rd.cycles.schedule(panel, warmth="warmth"), dyads="1"),
    ):
        with pytest.raises(rd.DataError, match=r"\(did you mean 1, a number\?\)"):
            call()
    with pytest.raises(rd.DataError) as caught:
        panel.select(dyads="1")
    assert str(caught.value) == ("no dyad '1' in the panel (did you mean 1, a number?); there are 3: 1, 2, 3.")


def test_the_nearest_option_is_found_whatever_its_capitals():
    with pytest.raises(rd.DesignError, match=r"Did you mean 'ar1'\?$"):
        check_option("AR1", ("independent", "ar1"), "residual process")
