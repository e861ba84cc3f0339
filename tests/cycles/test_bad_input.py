"""Whatever is wrong with the answers: a reason or one sentence, never a raw exception, a warning or a number."""

import warnings

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

N = 72
RNG = np.random.default_rng(7)
COLUMNS = {"dyad": "dyad", "person": "person", "role": "role", "day": "day", "beep": "beep"}
# Numbers that no direction of 72 occasions can have: distances in SD of the noise, periods, statistics.
NONSENSE = 1000.0

pytestmark = pytest.mark.usefixtures("brief_fits")


@pytest.fixture(scope="module")
def frame():
    return rd.simulate.cycles("cycle", n_dyads=1, n_occasions=N, seed=11).panel.frame


@pytest.fixture(scope="module")
def usual(frame):
    """What comes out where nothing is wrong."""
    return detect(panel_of(frame)).tidy()


def panel_of(frame, **changes):
    columns = {key: name for key, name in (COLUMNS | changes).items() if name is not None}
    return rd.DyadPanel(frame, **columns)


def detect(panel, **options):
    """Detect with every warning an error but the library's own, and render all there is to render."""
    settings = {"warmth": "warmth", "response": "response", "phases": 2, "n_surrogates": 19, "seed": 1} | options
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", rd.DataWarning)
        found = rd.detect_cycles(panel, **settings)
        texts = [found.summary(), found._repr_html_(), found.glance().to_string(), found.sample().to_string()]
        assert rd.from_json(found.to_json()).verdicts().equals(found.verdicts())
    assert not any("inf" in text.split() for text in texts)
    numbers = found.tidy()[["estimate", "conf_low", "conf_high", "statistic", "p_value"]].to_numpy(dtype=float)
    assert not np.isinf(numbers).any()
    assert np.nanmax(np.abs(numbers), initial=0.0) < NONSENSE
    p_values = found.tidy()["p_value"].dropna()
    assert ((p_values > 0) & (p_values <= 1)).all()
    return found


def spoiled(frame, column, values):
    return frame.assign(**{column: values})


def mostly(frame):
    return np.where(np.arange(len(frame)) % 10 < 7, 1.0, frame["warmth"])


UNTESTED = {
    "constant": ("warmth", lambda f: 4.0, "answers never vary"),
    "rounding": ("warmth", lambda f: 4 + 1e-13 * RNG.standard_normal(len(f)), "answers never vary"),
    "swallowed by the offset": ("warmth", lambda f: f["warmth"] + 1e17, "answers never vary"),
    "nearly constant": (
        "warmth",
        lambda f: np.where(np.arange(len(f)) % 30 == 0, 5.0, 4.0),
        "of answers are 4, above 60%",
    ),
    "one category": ("warmth", mostly, "of answers are 1, above 60%"),
    "too small": ("warmth", lambda f: f["warmth"] * 1e-30, "warmth has an SD of 1e-30: change its unit"),
    "too large": ("warmth", lambda f: f["warmth"] * 1e200, "warmth has an SD of 1e+200: change its unit"),
    "response too small": ("response", lambda f: f["response"] * 1e-30, "e-30: change its unit"),
    "ramp": ("warmth", lambda f: f.groupby("person").cumcount() + 0.0, "warmth is given by time of day and trend"),
    "clock": ("warmth", lambda f: f["beep"] + 0.0, "warmth is given by time of day and trend"),
    "response clock": ("response", lambda f: f["beep"] + 0.0, "response is given by time of day and trend"),
    "copy": ("response", lambda f: f["warmth"], "response is given by warmth"),
    "mirror": ("response", lambda f: 8 - f["warmth"], "response is given by warmth"),
    "nearly a copy": ("response", lambda f: f["warmth"] + 1e-3 * RNG.random(len(f)), "response is given by warmth"),
    "response missing": ("response", lambda f: np.nan, "response was never answered"),
    "response constant": ("response", lambda f: 3.0, "response never varies"),
    "response rounding": ("response", lambda f: 0.3 + 1e-16 * np.arange(len(f)), "response never varies"),
    "response rare": (
        "response",
        lambda f: f["response"].where(f["day"] <= 3),
        "12 occasions with warmth and response",
    ),
    "all missing": ("warmth", lambda f: np.nan, "no answers"),
}


@pytest.mark.parametrize("case", UNTESTED)
def test_what_cannot_carry_a_test_has_its_reason(frame, case):
    column, values, reason = UNTESTED[case]
    found = detect(panel_of(spoiled(frame, column, values(frame))))
    verdicts = found.verdicts()
    assert verdicts["verdict"].tolist() == ["not decidable"] * 2
    assert verdicts["reason"].str.contains(reason, regex=False).all(), verdicts["reason"].tolist()
    assert found.tidy()["p_value"].isna().all()
    assert found.phases().empty


def test_whoever_answers_carelessly_throughout_decides_nothing(frame):
    reasons = detect(panel_of(frame.assign(warmth=3.0, response=2.0))).verdicts()["reason"]
    assert reasons.str.contains("100% of answered occasions lie in careless stretches, above 20%").all()
    late = frame["day"] > 10
    half = frame.assign(**{name: frame[name].mask(late, 4.0) for name in ("warmth", "response")})
    assert detect(panel_of(half)).verdicts()["reason"].str.contains("lie in careless stretches").all()


def test_short_series_and_silent_partners_are_undecidable_with_every_reason(frame):
    short = detect(panel_of(frame[frame["day"] <= 14])).verdicts()["reason"]
    assert short[0] == (
        "56 answered occasions, below 60; room for 3.5 cycles of 16 beeps, below 4; 56 occasions with warmth and "
        "response, below 60"
    )
    brief = detect(panel_of(frame[frame["day"] <= 15])).verdicts()["reason"]
    assert brief.tolist() == ["room for 3.8 cycles of 16 beeps, below 4"] * 2
    for silent in (frame[frame["role"] == "a"], frame.assign(warmth=frame["warmth"].where(frame["role"] == "a"))):
        reasons = detect(panel_of(silent)).verdicts()["reason"]
        assert sorted(reasons) == ["no answers", "the partner never answers"]


def test_dyads_of_unequal_length_are_judged_each_by_itself():
    two = rd.simulate.cycles("cycle", n_dyads=2, n_occasions=N, seed=12).panel.frame
    whole = detect(panel_of(two[two["dyad"] == 1]), response=None).tidy()
    uneven = detect(panel_of(two[(two["dyad"] == 1) | (two["day"] <= 8)]), response=None)
    assert (
        uneven.verdicts()["reason"].str.contains("32 answered occasions, below 60").tolist() == [False] * 2 + [True] * 2
    )
    own = uneven.tidy().query("dyad == 1")
    assert own["estimate"].equals(whole["estimate"])
    one_row = two[(two["dyad"] == 1) | ((two["day"] == 1) & (two["beep"] == 1))]
    assert detect(panel_of(one_row), response=None).verdicts()["reason"][2].startswith("1 answered occasions, below 60")


@pytest.mark.parametrize(
    ("change", "column"),
    [(lambda w: w * 1e-8, "warmth"), (lambda w: w - 1e8, "response")],
    ids=["tiny scale", "huge and negative"],
)
def test_units_do_not_matter(frame, usual, change, column):
    first = usual
    second = detect(panel_of(spoiled(frame, column, change(frame[column])))).tidy()
    assert second["p_value"].equals(first["p_value"])
    ladder = first["claim"] != "reinforcement"
    for name in ("estimate", "conf_low", "conf_high", "statistic"):
        assert second.loc[ladder, name].to_numpy() == pytest.approx(
            first.loc[ladder, name].to_numpy(), rel=1e-5, nan_ok=True
        )


def test_roles_days_and_beeps_may_be_absent(frame):
    alike = detect(panel_of(frame.assign(role="x")), response=None).tidy()
    unnamed = detect(panel_of(frame, role=None), response=None).tidy()
    assert alike["p_value"].equals(unnamed["p_value"])
    frame = frame[frame["day"] <= 16]
    counted = frame.assign(occasion=frame.groupby("person").cumcount())
    as_beeps = detect(panel_of(counted, day=None, beep="occasion"), response=None).tidy()
    as_days = detect(panel_of(counted, day="occasion", beep=None), response=None).tidy()
    assert as_beeps["p_value"].equals(as_days["p_value"])


@pytest.mark.parametrize("points", [2, 3])
def test_items_of_few_points_are_tested_or_refused(frame, points):
    cut = frame.assign(**{c: np.clip(np.rint(frame[c] / (8 / points)), 0, points - 1) for c in ("warmth", "response")})
    detect(panel_of(cut))
    detect(panel_of(cut), response=None)


@pytest.mark.parametrize("value", [np.nan, "rounding"])
def test_a_covariate_that_never_varies_is_left_out(frame, usual, value):
    values = 1 + 1e-16 * np.arange(len(frame)) if value == "rounding" else value
    beside = detect(panel_of(spoiled(frame, "mood", values)), covariates=["mood"])
    assert beside.tidy()["p_value"].equals(usual["p_value"])
    what = "never varies" if value == "rounding" else "has no value"
    assert f"covariate 'mood' {what} in some directions and is left out there" in beside.warnings


def test_a_covariate_that_is_warmth_and_too_many_of_them_leave_nothing_to_test(frame):
    same = detect(panel_of(frame.assign(mood=3 * frame["warmth"])), covariates=["mood"]).verdicts()["reason"]
    assert same.tolist() == ["warmth is given by time of day, trend and covariates"] * 2
    names = [f"c{k}" for k in range(30)]
    many = frame.assign(**{name: RNG.standard_normal(len(frame)) for name in names})
    reasons = detect(panel_of(many), covariates=names).verdicts()["reason"]
    assert reasons[0] == (
        "35 columns of time and covariates beside 72 occasions, fewer than 3 for each: name fewer covariates"
    )


@pytest.mark.parametrize("value", [1.0, np.nan])
def test_triggers_that_never_or_always_happen_say_nothing(frame, usual, value):
    found = detect(panel_of(spoiled(frame, "row", value)), triggers=["row"])
    assert found.triggers()["p_value"].isna().all()
    assert found.tidy()["p_value"].equals(usual["p_value"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("much", "column 'warmth' holds text, for example 'much'"),
        (pd.Timestamp("2026-01-01"), "column 'warmth' holds dates or times: recode it to numbers."),
        (pd.Timestamp("2026-01-01", tz="UTC"), "column 'warmth' holds dates or times: recode it to numbers."),
        (pd.Timedelta(1, "h"), "column 'warmth' holds dates or times: recode it to numbers."),
        (1 + 2j, "column 'warmth' holds complex numbers: recode it to numbers."),
        (np.inf, "the rows cannot make a panel, 1 fault:\n- 'warmth' is infinite"),
    ],
    ids=["text", "dates", "zoned dates", "durations", "complex", "infinite"],
)
def test_columns_that_are_no_numbers_are_named(frame, values, message):
    with pytest.raises(rd.DataError) as refused:
        detect(panel_of(spoiled(frame, "warmth", values)))
    assert str(refused.value).startswith(message)


def test_a_header_that_stands_twice_is_named(frame):
    with pytest.raises(rd.DataError, match="the header 'warmth' stands 2 times in the file"):
        detect(panel_of(pd.concat([frame, frame[["warmth"]]], axis=1)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warmth": ["warmth"]}, "warmth=['warmth'] is a list: give the name of one column, as text."),
        ({"warmth": None}, "warmth=None is not the name of a column."),
        ({"response": 3}, "response=3 is not the name of a column."),
        ({"covariates": [3]}, "covariates=3 is not the name of a column."),
        ({"triggers": None}, "triggers=None: give a sequence of column names; () for none."),
    ],
)
def test_names_that_are_none_are_refused(frame, options, message):
    with pytest.raises(rd.DesignError) as refused:
        detect(panel_of(frame), **options)
    assert str(refused.value) == message


@pytest.mark.parametrize("function", ["detect_cycles", "schedule", "calibrate"])
def test_a_frame_is_no_panel(frame, function):
    call = rd.detect_cycles if function == "detect_cycles" else getattr(rd.cycles, function)
    with pytest.raises(rd.DesignError) as refused:
        call(frame, warmth="warmth")
    assert str(refused.value).startswith(f"cycles.{function} takes a DyadPanel, not a DataFrame: make one with")


SIMULATED = [
    ({"n_dyads": 0}, "n_dyads"),
    ({"n_dyads": 1.5}, "n_dyads"),
    ({"n_dyads": True}, "n_dyads"),
    ({"n_occasions": 3}, "n_occasions"),
    ({"n_occasions": "many"}, "n_occasions"),
    ({"beeps_per_day": 0}, "beeps_per_day"),
    ({"effect": np.nan}, "effect"),
    ({"effect": np.inf}, "effect"),
    ({"effect": "large"}, "effect"),
    ({"phi": "slow"}, "phi"),
    ({"period": "weekly"}, "period"),
    ({"reliability": "good"}, "reliability"),
    ({"missing": "some"}, "missing"),
    ({"phi": 1.5}, "phi"),
    ({"phi": np.nan}, "phi"),
    ({"reliability": 0.0}, "reliability"),
    ({"period": 2}, "period"),
    ({"period": np.inf}, "period"),
    ({"sojourn_cv": -0.1}, "sojourn_cv"),
    ({"missing": 1.0}, "missing"),
    ({"missing": np.nan}, "missing"),
    ({"missing_pattern": "sometimes"}, "missing_pattern"),
    ({"categories": 1}, "categories"),
    ({"categories": 7.5}, "categories"),
    ({"shape": "square"}, "shape"),
    ({"kind": "spiral"}, "kind"),
    ({"kind": None}, "kind"),
    ({"seed": "x"}, "seed"),
]


@pytest.mark.parametrize(("options", "name"), SIMULATED, ids=str)
def test_a_simulation_that_cannot_be_is_refused_by_name(options, name):
    settings = {"kind": "cycle", "n_dyads": 1, "n_occasions": 20, "seed": 1} | options
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(rd.DesignError) as refused:
            rd.simulate.cycles(settings.pop("kind"), **settings)
    assert name in str(refused.value)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(("effect", "n_occasions", "seed"), [(4.0, 100, 5), (2.5, 72, 1)])
def test_phases_far_apart_never_raise_with_compiled_kernels(monkeypatch, effect, n_occasions, seed):
    pytest.importorskip("numba")
    monkeypatch.setenv("RELDYN_KERNELS", "numba")
    panel = rd.simulate.cycles("alternation", effect=effect, n_dyads=1, n_occasions=n_occasions, seed=seed).panel
    found = detect(panel, seed=seed)
    assert not any("broke down" in reason for reason in found.verdicts()["reason"])
    assert not any("finite statistic" in note for note in found.warnings)


def sometimes_no_number(share):
    """The search for a period, without a number in a share of the surrogates."""
    from reldyn.cycles.ladder._starts import best_period

    def search(data):
        period, gain = best_period(data)
        return period, np.where(np.arange(len(gain)) < share * len(gain), np.nan, gain)

    return search


def test_surrogates_without_a_number_count_against_the_claim_and_the_summary_says_so(monkeypatch, frame, usual):
    monkeypatch.setattr("reldyn.cycles.ladder._periodic.best_period", sometimes_no_number(0.25))
    found = detect(panel_of(frame))
    failed = [test.n_failed for one in found.outcomes for test in one.tests if test.claim == "periodic"]
    assert all(number >= 3 for number in failed)
    note = f"{sum(failed)} surrogates of 2 tests have no finite statistic: each counts as exceeding, against the claim"
    assert note in found.warnings
    assert "no finite statistic" in " ".join(found.summary().split())
    before = usual[usual["claim"] == "periodic"]["p_value"].to_numpy()
    assert (found.tidy().query("claim == 'periodic'")["p_value"].to_numpy() >= before).all()
    assert all(np.isfinite(test.null_statistics).all() for one in found.outcomes for test in one.tests)


def test_a_test_most_of_whose_surrogates_fail_is_not_decidable(monkeypatch, frame):
    monkeypatch.setattr("reldyn.cycles.ladder._periodic.best_period", sometimes_no_number(1.0))
    found = detect(panel_of(frame))
    assert (found.verdicts()["verdict"] == "not decidable").all()
    assert (
        found.verdicts()["reason"].str.startswith("most surrogates have no finite statistic: periodic (10 of 10)").all()
    )


def test_a_statistic_of_the_answers_that_is_no_number_is_not_decidable(monkeypatch, frame):
    monkeypatch.setattr("reldyn.cycles.ladder._periodic.periodogram", lambda rest, seen: np.full((1, 400), np.nan))
    found = detect(panel_of(frame))
    assert (found.verdicts()["verdict"] == "not decidable").all()
    assert found.verdicts()["reason"].str.contains("the statistic of these answers is no finite number").all()


def test_what_breaks_down_beside_the_claims_leaves_them_standing(monkeypatch, frame, usual):
    def breaks(*_):
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr("reldyn.cycles.consequences._reinforcement._regress", breaks)
    found = detect(panel_of(frame))
    rows = found.tidy()
    notes = rows[rows["claim"] == "reinforcement"]["note"]
    assert (notes == "the test broke down on these answers (Singular matrix)").all()
    same = rows["claim"] != "reinforcement"
    pd.testing.assert_frame_equal(rows[same], usual[same])


@pytest.mark.parametrize(
    "change", ["two values", "two values far apart", "offset", "huge", "tiny", "outlier", "square"]
)
def test_odd_answers_have_a_verdict(frame, change):
    rng = np.random.default_rng(3)
    warmth, n = frame["warmth"].to_numpy(dtype=float), len(frame)
    values = {
        "two values": rng.choice([1.0, 2.0], n),
        "two values far apart": rng.choice([1.0, 7.0], n, p=[0.55, 0.45]),
        "offset": warmth + 1e6,
        "huge": warmth * 1e8,
        "tiny": warmth * 1e-8,
        "outlier": np.where(np.arange(n) % 36 == 7, 1e4, warmth),
        "square": np.resize(np.repeat([1.0, 7.0], 6), n) + 1e-3 * rng.standard_normal(n),
    }[change]
    frame = frame.assign(warmth=values)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", rd.DataWarning)
        found = rd.detect_cycles(panel_of(frame), warmth="warmth", phases=2, n_surrogates=19, seed=1)
    assert found.verdicts()["verdict"].notna().all()
    assert not any("broke down" in reason for reason in found.verdicts()["reason"])
