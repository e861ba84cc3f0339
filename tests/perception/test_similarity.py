"""Similarity of profiles against row-by-row correlations and planted worlds; ambivalence against its formulas."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import reldyn as rd
from reldyn.perception._ambivalence import ambivalence_index
from reldyn.perception._profiles import compare, pseudo_means, row_correlations


def couples(n_dyads=60, n_items=10, shared=0.0, stereotype=1.0, seed=1):
    """Answers on items: a stereotype common to all, something of the couple's own, and noise."""
    rng = np.random.default_rng(seed)
    norm = stereotype * np.linspace(-1.5, 1.5, n_items)
    own = norm + shared * np.repeat(rng.standard_normal((n_dyads, n_items)), 2, axis=0)
    own = own + rng.standard_normal((2 * n_dyads, n_items))
    frame = pd.DataFrame(own, columns=[f"i{k}" for k in range(n_items)])
    frame = frame.assign(dyad=np.repeat(np.arange(n_dyads), 2), who=["a", "b"] * n_dyads)
    return frame, [f"i{k}" for k in range(n_items)]


def panel_of(frame):
    return rd.DyadPanel(frame, dyad="dyad", person="who", role="who")


def test_rows_correlate_as_numpy_says_on_what_both_have():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 20, 9))
    x[rng.random(x.shape) < 0.2], y[rng.random(y.shape) < 0.2] = np.nan, np.nan
    y[4] = 2.0
    x[5, :6] = np.nan
    r, n = row_correlations(x, y)
    for row in range(20):
        both = np.isfinite(x[row]) & np.isfinite(y[row])
        assert n[row] == both.sum()
        if row == 4 or both.sum() < 4:
            assert np.isnan(r[row])
        else:
            assert r[row] == pytest.approx(np.corrcoef(x[row, both], y[row, both])[0, 1])


def test_level_scatter_and_distance():
    x, y = np.array([[1.0, 2, 3, 4, np.nan]]), np.array([[3.0, 3, 5, 5, 9]])
    found = compare(x, y, np.zeros_like(x), np.zeros_like(x))
    assert found.level[0] == pytest.approx(-1.5)
    assert found.scatter[0] == pytest.approx(np.std([1, 2, 3, 4], ddof=1) - np.std([3, 3, 5, 5], ddof=1))
    assert found.distance[0] == pytest.approx(1.5)


def test_distinctive_similarity_takes_the_role_means_off():
    frame, items = couples()
    found = rd.perception.similarity(panel_of(frame), items, n_permutations=0, seed=1)
    values = frame[items].to_numpy().reshape(60, 2, 10)
    left = values - values.mean(axis=0)
    profiles = found.profiles()
    for k in (0, 17, 59):
        assert profiles["raw"][k] == pytest.approx(np.corrcoef(values[k])[0, 1])
        assert profiles["distinctive"][k] == pytest.approx(np.corrcoef(left[k])[0, 1])
        z = [np.arctanh(np.corrcoef(values[k, m], values[:, m].mean(axis=0))[0, 1]) for m in (0, 1)]
        assert profiles["stereotype"][k] == pytest.approx(np.tanh(np.mean(z)))
    raw = found.tidy().iloc[0]
    z = np.arctanh(profiles["raw"])
    assert raw["estimate"] == pytest.approx(np.tanh(z.mean()))
    assert raw["std_error"] == pytest.approx(z.std(ddof=1) / np.sqrt(60))


def test_a_stereotype_makes_strangers_alike_and_pseudo_couples_tell():
    frame, items = couples(shared=0.0)
    table = rd.perception.similarity(panel_of(frame), items, n_permutations=199, seed=2).tidy().set_index("term")
    assert table.loc["raw", "conf_low"] > 0.2
    assert table.loc["raw", "pseudo"] == pytest.approx(table.loc["raw", "estimate"], abs=0.1)
    assert table.loc["raw", "p_value"] > 0.05
    assert abs(table.loc["distinctive", "estimate"]) < 0.1
    together, items = couples(shared=1.0)
    table = rd.perception.similarity(panel_of(together), items, n_permutations=199, seed=2).tidy().set_index("term")
    assert table.loc[["raw", "distinctive"], "p_value"].tolist() == [1 / 200, 1 / 200]
    assert table.loc["distinctive", "estimate"] == pytest.approx(0.5, abs=0.1)
    assert np.isnan(table.loc["stereotype", "p_value"])


def test_pseudo_couples_are_all_ways_to_deal_the_second_members():
    rng = np.random.default_rng(5)
    first, second = rng.standard_normal((2, 2, 4, 6))
    norms = [np.broadcast_to(side.mean(axis=(0, 1)), side.shape) for side in (first, second)]
    drawn = pseudo_means(first, second, *norms, 400, np.random.default_rng(1))
    dealt = []
    for order in itertools.permutations(range(4)):
        z = [
            [
                np.mean([np.arctanh(np.corrcoef(one[t, k], two[t, other])[0, 1]) for t in (0, 1)])
                for k, other in enumerate(order)
            ]
            for one, two in ((first, second), (first - norms[0], second - norms[1]))
        ]
        dealt.append(np.mean(z, axis=1))
    # All 24 orders come up in 400 draws but for one set of draws in a million.
    near = np.abs(drawn[:, None] - np.array(dealt)).max(axis=2) < 1e-9
    assert near.any(axis=1).all()
    assert near.any(axis=0).all()


def test_distance_falls_apart_into_level_scatter_and_shape():
    frame, items = couples(n_dyads=12, seed=4)
    rows = rd.perception.similarity(panel_of(frame), items, n_permutations=0).profiles()
    x, y = frame[items].to_numpy().reshape(12, 2, 10).transpose(1, 0, 2)
    spread = x.std(axis=1, ddof=1) * y.std(axis=1, ddof=1)
    parts = rows["level_difference"] ** 2 + 0.9 * (rows["scatter_difference"] ** 2 + 2 * spread * (1 - rows["raw"]))
    np.testing.assert_allclose(parts, ((x - y) ** 2).mean(axis=1))
    assert rows["mean_absolute_difference"].tolist() == pytest.approx(np.abs(x - y).mean(axis=1).tolist())


def test_who_is_first_and_the_unit_of_the_scale_change_signs_and_sizes_only():
    frame, items = couples(n_dyads=10, shared=0.5, seed=6)
    call = rd.perception.similarity
    plain = call(panel_of(frame), items, n_permutations=0).profiles()
    swapped = call(panel_of(frame.assign(who=["b", "a"] * 10)), items, n_permutations=0).profiles()
    alike = ["raw", "distinctive", "stereotype", "mean_absolute_difference"]
    np.testing.assert_allclose(swapped[alike], plain[alike])
    turned = ["level_difference", "scatter_difference"]
    np.testing.assert_allclose(swapped[turned], -plain[turned])
    larger = frame.copy()
    larger[items] = 3 * larger[items] + 7
    found = call(panel_of(larger), items, n_permutations=0).profiles()
    np.testing.assert_allclose(found[alike[:3]], plain[alike[:3]])
    np.testing.assert_allclose(found[[*turned, alike[3]]], 3 * plain[[*turned, alike[3]]])
    # What everybody of a role has more of is the norm, and not distinctive.
    tilted = frame.copy()
    tilted[items] += np.where(frame[["who"]] == "a", 1, -2) * np.arange(10)
    found = call(panel_of(tilted), items, n_permutations=0).profiles()
    np.testing.assert_allclose(found["distinctive"], plain["distinctive"])
    assert found["raw"].mean() < plain["raw"].mean()


def test_p_values_are_level_under_the_null():
    p = []
    for seed in range(60):
        frame, items = couples(n_dyads=15, n_items=6, seed=seed)
        found = rd.perception.similarity(panel_of(frame), items, n_permutations=39, seed=seed)
        p.append(found.tidy()["p_value"].iloc[1])
    # Binomial(60, .1): 13 or more in one of 250 runs.
    assert np.mean(np.array(p) <= 0.1) < 13 / 60


def test_judgments_are_compared_with_the_partners_answers():
    frame, items = couples(n_dyads=40)
    rng = np.random.default_rng(9)
    own = frame[items].to_numpy()
    other = own.reshape(40, 2, 10)[:, ::-1].reshape(80, 10)
    judged = [f"j{k}" for k in range(10)]
    frame[judged] = 0.7 * other + rng.normal(0, 0.5, other.shape)
    found = rd.perception.similarity(panel_of(frame), items, judged=judged, n_permutations=99, seed=1)
    rows = found.profiles()
    assert len(rows) == 80
    first = rows[(rows["dyad"] == 7) & (rows["role"] == "a")].iloc[0]
    at = frame[(frame["dyad"] == 7)]
    judgment, answer = at[at["who"] == "a"][judged].to_numpy()[0], at[at["who"] == "b"][items].to_numpy()[0]
    assert first["raw"] == pytest.approx(np.corrcoef(judgment, answer)[0, 1])
    norm = frame[frame["who"] == "b"][items].to_numpy().mean(axis=0)
    assert first["stereotype"] == pytest.approx(np.corrcoef(judgment, norm)[0, 1])
    assert found.tidy().set_index("term").loc["distinctive", "estimate"] > 0.6
    assert found.summary().startswith("Accuracy of profiles")


def test_over_occasions_a_common_course_is_the_stereotype():
    n, t, left = 30, 25, []
    for seed in range(20):
        values = np.sin(np.arange(t)) + np.random.default_rng(seed).standard_normal((2 * n, t))
        frame = pd.DataFrame({"dyad": np.repeat(np.arange(n), 2 * t), "who": np.tile(np.repeat(["a", "b"], t), n)})
        frame["t"], frame["mood"] = np.tile(np.arange(t), 2 * n), values.ravel()
        panel = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", time="t")
        found = rd.perception.similarity(panel, ["mood"], over="occasions", n_permutations=0, seed=1)
        table = found.tidy().set_index("term")
        assert table.loc["raw", "conf_low"] > 0.1
        left.append(table.loc["distinctive", "estimate"])
    # Twenty means of standard error .037 each: nothing is left once the common course is off.
    assert abs(np.mean(left)) < 3.5 * 0.037 / np.sqrt(20)
    assert found.profiles()["raw"][3] == pytest.approx(np.corrcoef(values[6:8])[0, 1])


def test_occasions_of_a_diary_are_rows():
    frame, items = couples(n_dyads=8)
    diary = pd.concat([frame.assign(day=day) for day in (1, 2)])
    diary.loc[(diary["dyad"] == 3) & (diary["day"] == 2), items] = np.nan
    diary.loc[diary["dyad"] == 5, items] = 1.0
    diary.loc[(diary["dyad"] == 6) & (diary["who"] == "a"), items] = np.nan
    panel = rd.DyadPanel(diary.reset_index(drop=True), dyad="dyad", person="who", role="who", time="day")
    rows = rd.perception.similarity(panel, items, n_permutations=9, seed=1).profiles()
    assert rows["dyad"].value_counts().loc[[0, 3, 5, 6]].tolist() == [2, 1, 2, 1]
    assert set(rows[rows["dyad"] == 5]["note"]) == {"a profile never varies"}
    assert set(rows[rows["dyad"] == 6]["note"]) == {"0 common elements, below 4"}
    assert rows["day"].tolist()[:2] == [1, 1]


def test_similarity_repeats_and_travels():
    frame, items = couples(n_dyads=12)
    one, two = (rd.perception.similarity(panel_of(frame), items, n_permutations=49, seed=3) for _ in "ab")
    pd.testing.assert_frame_equal(one.tidy(), two.tidy())
    again = rd.from_json(one.to_json(rows=True))
    pd.testing.assert_frame_equal(again.profiles(), one.profiles())
    assert again.summary() == one.summary()
    assert len(one.plot().axes[0].lines) == 2
    bare = rd.perception.similarity(panel_of(frame), items, n_permutations=0, seed=3)
    with pytest.raises(rd.DesignError, match="there are no pseudo-couples to draw"):
        bare.plot()


def test_mistakes_about_profiles_are_named():
    frame, items = couples(n_dyads=4)
    panel = panel_of(frame)
    with pytest.raises(rd.DesignError, match="over='days' is not known; allowed: 'items', 'occasions'"):
        rd.perception.similarity(panel, items, over="days")
    with pytest.raises(rd.DesignError, match="3 items, below 4: a profile needs more"):
        rd.perception.similarity(panel, items[:3])
    with pytest.raises(rd.DesignError, match="1 occasion, below 4"):
        rd.perception.similarity(panel, items, over="occasions")
    with pytest.raises(rd.DesignError, match="items= and judged= take lists of columns"):
        rd.perception.similarity(panel, "i0")
    with pytest.raises(rd.DesignError, match="n_permutations=-1: give a whole number of at least 0"):
        rd.perception.similarity(panel, items, n_permutations=-1)
    alone = panel_of(frame.assign(**dict.fromkeys(items, 2.0)))
    with pytest.raises(rd.DesignError, match="fewer than 3 dyads have two profiles that can be correlated"):
        rd.perception.similarity(alone, items, n_permutations=9)
    for names, error, text in (
        (["i0", "i1", "i2", "who"], rd.DataError, "column 'who' holds text, for example 'a'"),
        (["i0", "i1", "i2", "nothing"], rd.DataError, "no column 'nothing' in the panel"),
        (["i0", "i1", "i2", "i2"], rd.DesignError, "named twice: i2. Name each column once."),
    ):
        with pytest.raises(error) as told:
            rd.perception.similarity(panel, names)
        assert str(told.value).startswith(text)
    with pytest.raises(rd.DesignError) as told:
        rd.perception.similarity(panel, items[:4], judged=items[4:6])
    assert str(told.value) == "4 items, but 2 judgments: name one judgment per item, in the same order."
    with pytest.raises(rd.DesignError) as told:
        rd.perception.similarity(panel, items, n_permutations=True)
    assert str(told.value) == "n_permutations=True: give a whole number of at least 0."


P, N = np.array([0.0, 3, 6, 6, np.nan]), np.array([0.0, 3, 0, 2, 1])


@pytest.mark.parametrize(
    ("index", "known"),
    [("griffin", [0, 3, -3, 0]), ("kaplan", [0, 6, 0, 4]), ("jamieson", [0, 3, 0, 4 / 6])],
)
def test_indices_of_ambivalence(index, known):
    frame = pd.DataFrame({"dyad": 1, "who": ["a"] * 5 + ["b"] * 5, "t": [1, 2, 3, 4, 5] * 2})
    frame["warm"], frame["cold"] = np.tile(P, 2), np.tile(N, 2)
    panel = rd.DyadPanel(frame, dyad="dyad", person="who", time="t")
    found = rd.perception.ambivalence(panel, positive="warm", negative="cold", index=index, by="occasion")
    np.testing.assert_allclose(found["ambivalence"][:4], known)
    assert np.isnan(found["ambivalence"][4])
    assert found["note"][4] == "an evaluation is missing"
    # Griffin's formula as it is printed.
    if index == "griffin":
        np.testing.assert_allclose(found["ambivalence"][:4], ((P + N) / 2 - np.abs(P - N))[:4])
    # The scale may begin elsewhere.
    moved = rd.DyadPanel(
        frame.assign(warm=frame["warm"] + 1, cold=frame["cold"] + 1), dyad="dyad", person="who", time="t",
        scales={"warm": (1, 7), "cold": (1, 7)},
    )  # fmt: skip
    again = rd.perception.ambivalence(moved, positive="warm", negative="cold", index=index, by="occasion")
    pd.testing.assert_series_equal(again["ambivalence"], found["ambivalence"])


def ambivalent(warm, cold, **more):
    n = len(warm)
    frame = pd.DataFrame({"dyad": 1, "who": np.repeat(["a", "b"], n), "t": np.tile(np.arange(n), 2)})
    frame["warm"], frame["cold"] = np.tile(warm, 2), np.tile(cold, 2)
    panel = rd.DyadPanel(frame.assign(**more), dyad="dyad", person="who", time="t")
    return rd.perception.ambivalence(panel, positive="warm", negative="cold", minimum=0)


def test_mixture_and_alternation_are_told_apart():
    by_turns = np.tile([6.0, 0.0], 10)
    apart, together = ambivalent(by_turns, 6 - by_turns).iloc[0], ambivalent(np.full(20, 3.0), np.full(20, 3.0)).iloc[0]
    assert apart["of_means"] == together["of_means"] == 3
    assert (apart["alternation"], together["alternation"]) == (6, 0)
    assert apart["r_positive_negative"] == pytest.approx(-1)
    assert together["note"] == (
        "ambivalence never varies: no inertia; an evaluation never varies, or too few: no correlation"
    )


def test_dynamics_of_ambivalence_stay_within_the_clock():
    rng = np.random.default_rng(6)
    warm, cold = rng.integers(0, 7, (2, 20)).astype(float)
    row = ambivalent(warm, cold).iloc[0]
    values = (warm + cold) / 2 - np.abs(warm - cold)
    assert (row["mean"], row["sd"]) == (pytest.approx(values.mean()), pytest.approx(values.std(ddof=1)))
    assert row["rmssd"] == pytest.approx(np.sqrt(np.mean(np.diff(values) ** 2)))
    assert row["inertia"] == pytest.approx(np.polyfit(values[:-1], values[1:], 1)[0])
    warm[10] = np.nan
    row = ambivalent(warm, cold).iloc[0]
    assert (row["n_obs"], row["n_pairs"]) == (19, 17)


def test_alternation_is_never_negative_for_concave_indices():
    rng = np.random.default_rng(7)
    for _ in range(50):
        warm, cold = rng.uniform(0, 6, (2, 8))
        assert ambivalent(warm, cold)["alternation"][0] > -1e-12


@pytest.mark.parametrize("index", ["griffin", "kaplan", "jamieson"])
def test_indices_treat_warm_and_cold_alike_and_grow_with_the_unit(index):
    warm, cold = np.random.default_rng(8).uniform(0, 6, (2, 40))
    found = ambivalence_index(warm, cold, index)
    np.testing.assert_allclose(ambivalence_index(cold, warm, index), found)
    np.testing.assert_allclose(ambivalence_index(3 * warm, 3 * cold, index), 3 * found)
    printed = {
        "griffin": (warm + cold) / 2 - np.abs(warm - cold),
        "kaplan": warm + cold - np.abs(warm - cold),
        "jamieson": np.minimum(warm, cold) ** 2 / np.maximum(warm, cold),
    }
    np.testing.assert_allclose(found, printed[index])
    # Nobody is more ambivalent than by two evaluations as strong as the stronger one.
    assert (found <= ambivalence_index(np.maximum(warm, cold), np.maximum(warm, cold), index) + 1e-12).all()


def test_alternation_is_what_differences_lose_in_their_mean():
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"dyad": np.repeat(range(5), 24), "who": np.tile(np.repeat(["a", "b"], 12), 5)})
    frame["t"], frame["warm"], frame["cold"] = np.tile(range(12), 10), *rng.uniform(0, 6, (2, 120))
    panel = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", time="t")
    gap = (frame["warm"] - frame["cold"]).groupby([frame["dyad"], frame["who"]], sort=False)
    expected = gap.agg(lambda part: part.abs().mean() - abs(part.mean())).to_numpy()
    for index in ("griffin", "kaplan"):
        found = rd.perception.ambivalence(panel, positive="warm", negative="cold", index=index, minimum=0)
        people, sample = found[found["dyad"] != "sample"], found[found["dyad"] == "sample"]
        np.testing.assert_allclose(people["alternation"], expected)
        mine = people.loc[people["role"] == "a", "alternation"]
        row = sample[sample["role"] == "a"].iloc[0]
        wanted = stats.ttest_1samp(mine, 0.0)
        assert (row["alternation"], row["df"], row["p_value"]) == pytest.approx((mine.mean(), 4, wanted.pvalue))
        limits = wanted.confidence_interval()
        assert (row["conf_low"], row["conf_high"]) == pytest.approx((limits.low, limits.high))


def test_ambivalence_of_nothing_and_of_little():
    nothing = ambivalent(np.full(5, np.nan), np.full(5, 1.0)).iloc[0]
    assert nothing["note"] == "no occasion with both evaluations"
    assert nothing["n_obs"] == 0
    short = ambivalent(np.array([1.0, 2.0]), np.array([2.0, 0.0])).iloc[0]
    assert short["note"].startswith("1 pair of neighbouring occasions, below 3: no inertia")
    assert np.isnan(short["inertia"])


def test_mistakes_about_ambivalence_are_named():
    frame = pd.DataFrame({"dyad": 1, "who": ["a", "b"], "warm": [1.0, 2.0], "cold": [0.0, 3.0]})
    panel = rd.DyadPanel(frame, dyad="dyad", person="who", scales={"warm": (1, 7), "cold": (0, 6)})
    call = rd.perception.ambivalence
    with pytest.raises(rd.DesignError, match="index='grifin' is not known; allowed: 'griffin', 'kaplan', 'jamieson'"):
        call(panel, positive="warm", negative="cold", index="grifin")
    with pytest.raises(rd.DesignError, match="the scales of 'warm' and 'cold' begin at 1 and 0"):
        call(panel, positive="warm", negative="cold")
    with pytest.raises(rd.DataError, match=r"'cold' has answers below minimum=1 \(row 0\)"):
        call(panel, positive="warm", negative="cold", minimum=1)
    with pytest.raises(rd.DesignError, match="positive and negative are both 'warm'"):
        call(panel, positive="warm", negative="warm")
    texts = rd.DyadPanel(frame.assign(text="x"), dyad="dyad", person="who")
    for more, error, text in (
        ({"negative": "text"}, rd.DataError, "column 'text' holds text, for example 'x'"),
        ({"negative": "nobody"}, rd.DataError, "no column 'nobody' in the panel"),
        ({"negative": "cold", "minimum": float("nan")}, rd.DesignError, "minimum=nan is no end of a scale: give a num"),
        ({"negative": "cold", "by": "day"}, rd.DesignError, "by='day' is not known; allowed: 'person', 'occasion'."),
    ):
        with pytest.raises(error) as told:
            call(texts, positive="warm", **more)
        assert str(told.value).startswith(text)


def test_dyads_without_profiles_are_not_counted_and_said():
    frame, items = couples(n_dyads=12, shared=0.5, seed=4)
    frame.loc[(frame["dyad"] < 3) & (frame["who"] == "a"), items] = np.nan
    panel = rd.DyadPanel(frame, dyad="dyad", person="who", role="who")
    found = rd.perception.similarity(panel, items, n_permutations=19, seed=1)
    assert found.glance()["n_dyads"].item() == 9
    assert "in 9 dyads" in " ".join(found.summary().split())
    assert found.notes == ("3 of 12 dyads have no profiles that can be correlated; profiles() says why.",)


def test_only_pairs_with_a_correlation_are_counted_as_profiles():
    frame, items = couples(n_dyads=6, n_items=6)
    frame.loc[frame["dyad"] == 2, items] = np.nan
    frame.loc[frame["dyad"] == 3, items] = 1.0
    found = rd.perception.similarity(panel_of(frame), items, n_permutations=19, seed=1)
    assert len(found.profiles()) == 6
    assert found.glance()[["n_dyads", "n_profiles"]].iloc[0].tolist() == [4, 4]
    assert rd.from_json(found.to_json()).glance().equals(found.glance())
    # Profiles of single occasions are rows of persons, and are not saved; their number is.
    many = pd.concat([frame.assign(day=day) for day in (1, 2)], ignore_index=True)
    daily = rd.DyadPanel(many, dyad="dyad", person="who", role="who", day="day")
    both = rd.perception.similarity(daily, items, n_permutations=19, seed=1)
    assert both.glance()["n_profiles"].item() == 8
    assert rd.from_json(both.to_json()).glance().equals(both.glance())
