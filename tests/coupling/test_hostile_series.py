"""Series that carry nothing: every analysis of two persons gives no number and says why, without a warning."""

import warnings

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn import coupling

N = 60
BINS = {"bins": 3}

ANALYSES = {
    "cross-correlation": lambda p: coupling.cross_correlation(p, "v", max_lag=2, seed=1),
    "cross-correlation at lag 0": lambda p: coupling.cross_correlation(p, "v", statistic="lag-0", seed=1),
    "mean z": lambda p: coupling.cross_correlation(p, "v", max_lag=2, statistic="mean-abs-z", seed=1),
    "whitened": lambda p: coupling.cross_correlation(p, "v", max_lag=2, whiten=1, seed=1),
    "phases": lambda p: coupling.cross_correlation(p, "v", surrogate=coupling.Surrogates("phase", n=19), seed=1),
    "windows": lambda p: coupling.windowed_cross_correlation(p, "v", window=10, increment=5, max_lag=2, seed=1),
    "susy": lambda p: coupling.susy(p, "v", segment=10, max_lag=2, n_surrogates=19, seed=1),
    "recurrence": lambda p: coupling.recurrence(p, "v", radius=0.5, seed=1),
    "recurrence of categories": lambda p: coupling.recurrence(p, "v", seed=1),
    "inertia": lambda p: coupling.inertia_coordination(p, "v"),
    "granger": lambda p: coupling.granger(p, "v"),
    "var": lambda p: coupling.var(p, "v"),
    "oscillator": lambda p: coupling.coupled_oscillator(p, "v"),
    "local oscillator": lambda p: coupling.coupled_oscillator(p, "v", method="local-linear"),
    "asymmetry": lambda p: coupling.asymmetry(p, "v", trend=False, check=False),
    "influence": lambda p: coupling.influence_functions(p, "v", n_boot=19, seed=1),
    "influence around the mean": lambda p: coupling.influence_functions(p, "v", zero="mean", n_boot=19, seed=1),
    "thresholds": lambda p: coupling.influence_functions(p, "v", form="ojive", repair=True, n_boot=0, seed=1),
    "sequences": lambda p: coupling.lag_sequential(p, "v", n_permutations=19, seed=1, **BINS),
    "logit": lambda p: coupling.transition_logit(p, "v", state=1, **BINS),
    "grid": lambda p: coupling.state_space_grid(p, "v", **BINS),
}
CORRELATIONS = ("cross-correlation", "cross-correlation at lag 0", "whitened", "phases")
# Shares and counts of states are defined for a member who never changes, and for any way of answering.
OF_STATES = ("sequences", "logit", "grid")


def usual(seed=0):
    rng = np.random.default_rng(seed)
    y = np.round(3 + rng.normal(size=N), 1)
    return np.round(3 + 0.5 * (y - 3) + rng.normal(size=N), 1), y


def constant(value):
    return np.full(N, value), usual()[1]


def line(offset):
    return offset + 0.1 * np.arange(N), usual()[1]


def apart(kind):
    x, y = usual()
    mine = {"halves": np.arange(N) < N // 2, "in turn": np.arange(N) % 2 == 0, "three": np.arange(N) < 32}[kind]
    theirs = np.arange(N) >= 29 if kind == "three" else ~mine
    return np.where(mine, x, np.nan), np.where(theirs, y, np.nan)


def extreme(value):
    x, y = usual()
    x[10] = value
    return x, y


def run(name, series, beeps=None):
    """All tables of an analysis as one, warnings of numpy being errors; None where it refuses with an explanation."""
    time = np.arange(N)
    clock = {"t": time} if beeps is None else {"day": time // beeps, "beep": time % beeps}
    frame = pd.concat(
        [pd.DataFrame({"dyad": 1, "person": r, "role": r, **clock, "v": v}) for r, v in zip("ab", series, strict=True)]
    )
    columns = {"time": "t"} if beeps is None else {"day": "day", "beep": "beep"}
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", **columns)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", rd.DataWarning)
        try:
            found = ANALYSES[name](panel)
        except (rd.DataError, rd.DesignError) as error:
            assert len(str(error)) > 20
            return None
        if not isinstance(found, pd.DataFrame):
            found.summary()
            if hasattr(found, "profile"):
                bounded(found.profile())
            if isinstance(found, coupling.WindowedResult):
                bounded(found.matrix(1).stack().rename("correlation").reset_index())
            found = found.tidy()
    bounded(found)
    return found


def bounded(table):
    for name in ("correlation", "lag_0", "peak", "mean_r", "surrogate_low", "surrogate_high"):
        if name in table:
            assert not (table[name].abs() > 1).any(), name


def says_nothing(table, reason):
    """No number about the dyad, no direction, and a reason."""
    for name in ("estimate", "p_value", "statistic", "std_error", "lag_0", "peak", "log_ratio"):
        if name in table:
            assert table[name].isna().all(), (name, table[name].tolist())
    if "leads" in table:
        assert (table["leads"] == "").all()
    assert table["note"].str.contains(reason).all(), table["note"].unique()


TESTED = [name for name in ANALYSES if name not in OF_STATES]


@pytest.mark.parametrize("beeps", [None, 6])
@pytest.mark.parametrize("value", [3.0, 3.3, 10 / 3, 0.1 + 0.2, 1e8 / 3, 1e-9 / 3])
@pytest.mark.parametrize("name", [n for n in TESTED if n not in ("asymmetry", "recurrence of categories")])
def test_a_constant_has_no_coupling(name, value, beeps):
    found = run(name, constant(value), beeps)
    if beeps == 6 and name in ("windows", "susy"):
        says_nothing(found, "never varies|occasions in a row")
    else:
        says_nothing(found, "never varies|determined by the others|usable|too short")


def test_a_category_that_never_changes_is_described_and_not_tested():
    found = run("recurrence of categories", constant(3.0))
    assert found["note"].tolist() == ["one member never varies: described, not tested"]
    assert found["p_value"].isna().all() and found["estimate"].between(0, 1).all()


@pytest.mark.parametrize("value", [3.3, 1e8 / 3])
def test_a_constant_has_no_asymmetry(value):
    says_nothing(run("asymmetry", constant(value)), "never varies")


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("name", ["whitened", "inertia", "oscillator", "local oscillator", "asymmetry"])
def test_a_straight_line_has_none_beyond_the_line(name, offset):
    says_nothing(run(name, line(offset)), "never varies")


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("name", ["granger", "var", "influence", "influence around the mean", "thresholds"])
def test_what_the_own_past_determines_cannot_be_followed(name, offset):
    found = run(name, line(offset))
    target = "target" if name == "granger" else "outcome" if name == "var" else None
    own = found if target is None else found[found[target] == "a"]
    says_nothing(own, "determined without error")


@pytest.mark.parametrize("kind", ["halves", "in turn"])
@pytest.mark.parametrize("name", TESTED)
def test_partners_who_never_answer_together_have_no_number(name, kind):
    found = run(name, apart(kind))
    says_nothing(found, "joint occasions|pairs of|usable|neighbouring|below")


@pytest.mark.parametrize("name", TESTED)
def test_three_joint_occasions_carry_no_p_value(name):
    found = run(name, apart("three"))
    assert found["p_value"].isna().all()
    assert (found["note"] != "").all()
    if "leads" in found:
        assert (found["leads"] == "").all() or found["peak"].notna().all()


@pytest.mark.parametrize("value", [-99.0, 1e6, 1e9])
@pytest.mark.parametrize("name", [name for name in ANALYSES if name != "asymmetry"])
def test_one_extreme_value_leaves_numbers_in_their_range(name, value):
    for beeps in (None, 6):
        found = run(name, extreme(value), beeps)
        if found is not None and "p_value" in found:
            p_values = found["p_value"].dropna()
            assert ((p_values >= 0) & (p_values <= 1)).all()


@pytest.mark.parametrize("series", [constant(3.3), line(0.0), apart("halves"), apart("three")], ids=str)
@pytest.mark.parametrize("name", OF_STATES)
def test_states_of_such_series_have_a_note_or_numbers_and_no_warning(name, series):
    found = run(name, series)
    if found is not None and "note" in found and "estimate" in found:
        silent = found["estimate"].isna() & (found["note"].fillna("") == "")
        assert not silent.any()


def test_windows_without_the_extreme_value_are_pearson_of_their_own_pairs():
    x, y = extreme(1e8)
    time = np.arange(N)
    frame = pd.concat([pd.DataFrame({"d": 1, "p": r, "r": r, "t": time, "v": v}) for r, v in (("a", x), ("b", y))])
    panel = rd.DyadPanel(frame, dyad="d", person="p", role="r", time="t")
    found = coupling.windowed_cross_correlation(panel, "v", window=12, increment=6, max_lag=1, surrogate=None)
    matrix = found.matrix(1)
    for start in matrix.index[2:]:
        inside = slice(start, start + 12)
        assert matrix.loc[start, 0] == pytest.approx(np.corrcoef(x[inside], y[inside])[0, 1], abs=1e-6)
    y[40] = np.nan
    frame = pd.concat([pd.DataFrame({"d": 1, "p": r, "r": r, "t": time, "v": v}) for r, v in (("a", x), ("b", y))])
    panel = rd.DyadPanel(frame, dyad="d", person="p", role="r", time="t")
    matrix = coupling.windowed_cross_correlation(panel, "v", window=12, increment=6, max_lag=1, surrogate=None).matrix(
        1
    )
    for start in matrix.index[2:]:
        inside = np.setdiff1d(np.arange(start, start + 12), [40])
        assert matrix.loc[start, 0] == pytest.approx(np.corrcoef(x[inside], y[inside])[0, 1], abs=1e-6)
