"""Reliability: published and reference values, dense likelihoods, Heywood cases, negative components."""

import warnings

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.dynamics._facets import Cells, crossed_anova, crossed_reml, nested_anova, nested_reml
from reldyn.dynamics._two_level_factor import fit_two_levels

NAMES = ["RkF", "R1R", "RkR", "Rc", "RkRn", "Rcn"]


def panel_of(frame, person, time):
    frame = frame.rename(columns={person: "person", time: "time"})
    return rd.DyadPanel(frame.assign(dyad=(frame["person"] - 1) // 2), dyad="dyad", person="person", time="time")


@pytest.fixture(scope="module")
def small(reference_folder):
    return panel_of(pd.read_csv(reference_folder / "rel.csv"), "id", "time"), ["i1", "i2", "i3", "i4"]


@pytest.fixture(scope="module")
def published(reference_folder):
    frame = pd.read_csv(reference_folder / "shrout_lane.csv")
    return panel_of(frame, "Person", "Time"), ["Item1", "Item2", "Item3"]


@pytest.fixture(scope="module")
def diary(esm):
    varying = esm.select(where=lambda rows: ~rows["person"].isin([3, 5, 7]))
    with pytest.warns(rd.DataWarning, match="Heywood"):
        return rd.dynamics.reliability(varying, ["pa1", "pa2", "pa3"])


def estimates(result):
    return result.tidy().set_index("coefficient")["estimate"]


def test_components_and_coefficients_agree_with_psych(small, reference):
    result = rd.dynamics.reliability(small[0], small[1])
    wanted = reference["mlr_aov"]
    np.testing.assert_allclose(estimates(result)[NAMES], [wanted[name] for name in NAMES], rtol=1e-5)
    np.testing.assert_allclose(estimates(result)[NAMES[:4]], [wanted[name] for name in NAMES[:4]], rtol=1e-10)
    variances = [one["variance"] for one in wanted["components"]]
    ours = result.components()["variance"]
    np.testing.assert_allclose(ours[:7], variances[:7], rtol=1e-9)
    # The nested components of the reference are printed by nlme to seven digits, at its own tolerance.
    np.testing.assert_allclose(ours[7:], variances[8:11], rtol=3e-5)
    assert result.method == "anova"


def test_the_published_example(published, reference):
    result = rd.dynamics.reliability(published[0], published[1])
    wanted = reference["shrout"]
    np.testing.assert_allclose(estimates(result)[NAMES], [wanted[name] for name in NAMES], rtol=1e-6)
    # Shrout and Lane (2012) print .97, .60, .85, .74, .85 and .65.
    assert estimates(result)[NAMES].round(2).tolist() == [0.97, 0.60, 0.85, 0.74, 0.85, 0.65]
    note = result.tidy().set_index("coefficient")["note"]
    assert note["omega_within"] == "5 persons, omega of 3 items needs 12"


def test_restricted_likelihood_agrees_with_lme4(small, reference):
    result = rd.dynamics.reliability(small[0], small[1], method="reml")
    wanted = reference["mlr_lmer"]
    np.testing.assert_allclose(estimates(result)[NAMES], [wanted[name] for name in NAMES], rtol=5e-6)
    assert result.method == "reml"
    assert result.converged


def test_omega_agrees_with_lavaan(diary, reference):
    wanted = {one["label"]: one for one in reference["ml_omega"]["est"] if one["label"]}
    table = diary.tidy().set_index("coefficient")
    assert table.loc["omega_within", "estimate"] == pytest.approx(wanted["omega_w"]["est"], abs=2e-6)
    assert table.loc["omega_within", "std_error"] == pytest.approx(wanted["omega_w"]["se"], rel=1e-4)
    assert table.loc["omega_between", "estimate"] == pytest.approx(wanted["omega_b"]["est"], abs=2e-6)
    assert table.loc["omega_between", "std_error"] == pytest.approx(wanted["omega_b"]["se"], rel=1e-3)
    loadings = diary.loadings().set_index(["level", "item"])
    for level, letter, unique in (("within", "a", "e"), ("between", "b", "g")):
        for k in (1, 2, 3):
            row = loadings.loc[(level, f"pa{k}")]
            assert row["loading"] == pytest.approx(wanted[f"{letter}{k}"]["est"], rel=2e-5)
            assert row["loading_error"] == pytest.approx(wanted[f"{letter}{k}"]["se"], rel=1e-3)
            assert row["unique_variance"] == pytest.approx(wanted[f"{unique}{k}"]["est"], abs=5e-4)
            assert row["unique_error"] == pytest.approx(wanted[f"{unique}{k}"]["se"], rel=3e-3)
    ours = loadings["log_likelihood"].iloc[0]
    assert ours >= reference["ml_omega"]["loglik"] - 1e-6
    assert ours == pytest.approx(reference["ml_omega"]["loglik"], abs=1e-5)


def test_a_heywood_case_is_flagged_and_not_moved(diary, reference):
    assert reference["ml_omega"]["warn"] is True
    table = diary.tidy().set_index("coefficient")
    assert table.loc["omega_between", "note"] == "negative unique variance (Heywood case)"
    assert table.loc["omega_within", "note"] == ""
    assert diary.loadings().query("level == 'between'")["unique_variance"].min() < 0
    assert "Heywood case), kept as it is: pa2 (-0.208)" in diary.warnings[0]
    assert "Heywood" in diary.summary()


def no_common_factor(seed):
    rng = np.random.default_rng(seed)
    person, day = (part.ravel() for part in np.indices((14, 8)))
    items = {f"i{k}": rng.normal(size=14)[person] * 0.3 + rng.normal(size=112) for k in range(3)}
    frame = pd.DataFrame({**items, "dyad": person // 2, "person": person, "day": day})
    return rd.DyadPanel(frame, dyad="dyad", person="person", day="day")


def test_no_omega_where_unique_variances_sum_to_less_than_nothing():
    missing = 0
    for seed in range(6):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = rd.dynamics.reliability(no_common_factor(seed), ["i0", "i1", "i2"])
        table, sums = found.tidy().set_index("coefficient"), found.loadings().groupby("level")["unique_variance"].sum()
        for level in ("within", "between"):
            row = table.loc[f"omega_{level}"]
            if sums[level] >= 0:
                assert 0 <= row["estimate"] <= 1
                continue
            missing += 1
            assert row[["estimate", "std_error", "conf_low", "conf_high"]].isna().all()
            assert row["note"].startswith("not defined: negative unique variance (Heywood case)")
            assert f"so omega_{level} is not defined" in " ".join(str(one.message) for one in said)
            assert f"omega_{level} is not defined" in " ".join(found.summary().split())
    assert missing > 3


def test_negative_components_give_no_coefficient_above_one():
    for seed in range(6):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = rd.dynamics.reliability(no_common_factor(seed), ["i0", "i1", "i2"], method="anova")
        table = found.tidy().set_index("coefficient").drop(["omega_within", "omega_between"])
        assert (table["estimate"].isna() | (table["estimate"] <= 1)).all()
        outside = table[~table["estimate"].between(0, 1)]
        assert outside["note"].str.startswith(("negative", "no variance")).all()


def test_incomplete_occasions_give_the_dense_restricted_likelihood():
    rng = np.random.default_rng(3)
    person, occasion = (part.ravel() for part in np.indices((7, 5)))
    keep = rng.random(len(person)) > 0.25
    person, occasion = person[keep], occasion[keep]
    items = 3
    size = {"p": 1.0, "t": 0.5, "i": 0.4, "pt": 0.8, "pi": 0.3, "ti": 0.2, "e": 0.6}
    draw = {name: rng.normal(0, value, (7, 5, items)) for name, value in size.items()}
    cube = draw["p"][:, :1, :1] + draw["t"][:1, :, :1] + draw["i"][:1, :1] + draw["pt"][:, :, :1]
    cube = cube + draw["pi"][:, :1] + draw["ti"][:1] + draw["e"] + 3
    cells = Cells(cube[person, occasion], person, occasion)
    found, converged = crossed_reml(cells)
    assert converged
    best = dense_reml(found, cells)
    for j in range(7):
        for factor in (0.9, 1.1):
            other = found.copy()
            other[j] = max(other[j] * factor, 0.01 * factor)
            assert dense_reml(other, cells) >= best - 1e-7
    nested, converged = nested_reml(cells)
    assert converged
    for j in range(3):
        for factor in (0.95, 1.05):
            other = nested.copy()
            other[j] *= factor
            assert dense_nested(other, cells) >= dense_nested(nested, cells) - 1e-9


def _factors(cells):
    n, m = cells.answers.shape
    person, occasion = np.repeat(cells.person, m), np.repeat(cells.occasion, m)
    item = np.tile(np.arange(m), n)
    return person, occasion, item


def _same(*codes):
    together = np.ones((len(codes[0]), len(codes[0])), dtype=bool)
    for code in codes:
        together &= code[:, None] == code[None, :]
    return together.astype(float)


def _restricted(V, y):
    one = np.ones(len(y))
    inverse = np.linalg.inv(V)
    weight = one @ inverse @ one
    r = y - (one @ inverse @ y) / weight
    return np.linalg.slogdet(V)[1] + np.log(weight) + r @ inverse @ r


def dense_reml(components, cells):
    p, t, i = _factors(cells)
    parts = [_same(p), _same(t), _same(i), _same(p, t), _same(p, i), _same(t, i), _same(p, t, i)]
    return _restricted(sum(v * part for v, part in zip(components, parts, strict=True)), cells.answers.ravel())


def dense_nested(components, cells):
    p, t, i = _factors(cells)
    parts = [_same(p), _same(p, t), _same(p, t, i)]
    return _restricted(sum(v * part for v, part in zip(components, parts, strict=True)), cells.answers.ravel())


def test_mean_squares_and_likelihood_agree_on_balanced_data_without_negative_components(small):
    frame = small[0].frame
    cells = Cells(frame[small[1]].to_numpy(), frame["person"].to_numpy() - 1, frame["time"].to_numpy() - 1)
    np.testing.assert_allclose(crossed_reml(cells)[0], crossed_anova(cells), rtol=1e-5)
    np.testing.assert_allclose(nested_reml(cells)[0], nested_anova(cells), rtol=1e-6)


def noise_panel(seed=0, n=14, T=5, items=3):
    rng = np.random.default_rng(seed)
    person, time = (part.ravel() for part in np.indices((n, T)))
    frame = pd.DataFrame(rng.normal(size=(n * T, items)), columns=[f"q{k}" for k in range(items)])
    return rd.DyadPanel(
        frame.assign(dyad=person // 2, person=person, time=time), dyad="dyad", person="person", time="time"
    )


def test_negative_components_warn_and_switch_to_likelihood():
    panel = noise_panel(n=8, items=2)
    with pytest.warns(rd.DataWarning, match="negative variance components by mean squares"):
        result = rd.dynamics.reliability(panel, ["q0", "q1"])
    assert result.method == "reml"
    assert (result.components()["variance"] >= 0).all()
    with pytest.warns(rd.DataWarning, match="kept as they are"):
        kept = rd.dynamics.reliability(panel, ["q0", "q1"], method="anova")
    assert kept.components()["variance"].min() < 0


def test_the_two_level_likelihood_is_that_of_dense_clusters():
    rng = np.random.default_rng(6)
    group = np.repeat(np.arange(30), rng.integers(2, 7, 30))
    factor, level = rng.normal(size=len(group)), rng.normal(size=30)[group]
    answers = np.outer(factor, [1, 0.8, 0.6]) + np.outer(level, [0.7, 0.9, 0.8]) + rng.normal(size=(len(group), 3))
    answers += 0.5 * rng.normal(size=(30, 3))[group]
    fit = fit_two_levels(answers, group)
    within = np.outer(fit.loading[0], fit.loading[0]) + np.diag(fit.unique[0])
    between = np.outer(fit.loading[1], fit.loading[1]) + np.diag(fit.unique[1])
    total = 0.0
    for code in range(30):
        y = answers[group == code]
        V = np.kron(np.eye(len(y)), within) + np.kron(np.ones((len(y), len(y))), between)
        r = (y - fit.mean).ravel()
        total -= 0.5 * (len(r) * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + r @ np.linalg.solve(V, r))
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(total, rel=1e-10)


def test_unit_of_the_items_leaves_the_coefficients(small):
    one = estimates(rd.dynamics.reliability(small[0], small[1]))
    frame = small[0].frame
    frame[small[1]] = frame[small[1]] * 4 - 3
    two = estimates(rd.dynamics.reliability(panel_of(frame, "person", "time"), small[1]))
    np.testing.assert_allclose(two[NAMES], one[NAMES], rtol=1e-9)


def test_fewer_occasions_average_less(small):
    few = estimates(rd.dynamics.reliability(small[0], small[1], occasions=1))
    assert few["RkR"] == pytest.approx(few["R1R"])


def test_json_round_trip(diary):
    again = rd.from_json(diary.to_json())
    pd.testing.assert_frame_equal(again.tidy(), diary.tidy())
    pd.testing.assert_frame_equal(again.components(), diary.components())
    assert diary.glance()["n_persons"][0] == 57


def test_two_items_have_no_omega():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rd.DataWarning)
        table = rd.dynamics.reliability(noise_panel(), ["q0", "q1"]).tidy().set_index("coefficient")
    assert table.loc["omega_within", "note"] == "2 items, omega needs 3"


def test_some_items_missing_leave_the_occasion_out(small):
    frame = small[0].frame
    frame.loc[4, "i2"] = np.nan
    with pytest.warns(rd.DataWarning, match="1 occasion with only some of the items is left out"):
        result = rd.dynamics.reliability(panel_of(frame, "person", "time"), small[1])
    assert (result.method, result.n_cells) == ("reml", 95)


def test_persons_without_a_whole_occasion_are_said_to_be_left_out(small):
    frame = small[0].frame
    frame.loc[frame["person"] == frame["person"].iloc[0], "i2"] = np.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = rd.dynamics.reliability(panel_of(frame, "person", "time"), small[1])
    n = frame["person"].nunique()
    told = f"1 of {n} persons has no occasion with an answer to every item and is left out"
    assert told in result.notes
    assert told in [str(one.message) for one in caught]
    assert result.n_persons == n - 1


def test_refusals(small):
    panel, items = small
    with pytest.raises(rd.DesignError, match="name at least two"):
        rd.dynamics.reliability(panel, ["i1"])
    with pytest.raises(rd.DesignError, match="method='aov' is not known; allowed: 'anova', 'reml'"):
        rd.dynamics.reliability(panel, items, method="aov")
    with pytest.raises(rd.DesignError, match="occasions=0: give a number of occasions of at least 1"):
        rd.dynamics.reliability(panel, items, occasions=0)
    with pytest.raises(rd.DataError, match="no column 'i9'"):
        rd.dynamics.reliability(panel, ["i1", "i9"])
    frame = panel.frame.assign(flat=1.0, empty=np.nan, twin=panel.frame["i1"] + 2)
    other = panel_of(frame, "person", "time")
    with pytest.raises(rd.DesignError, match="i1, twin never differ but for a constant: they are one"):
        rd.dynamics.reliability(other, ["i1", "twin"])
    with pytest.raises(rd.DesignError, match="'flat' never varies: leave it out"):
        rd.dynamics.reliability(other, ["i1", "flat"])
    with pytest.raises(rd.DesignError, match="are answered by 0 persons at 0 occasions"):
        rd.dynamics.reliability(other, ["i1", "empty"])
    holes = panel.select(where=panel.frame.index != 3)
    with pytest.raises(rd.DesignError, match="method='anova' needs every person at every occasion, here are 95 of 96"):
        rd.dynamics.reliability(holes, items, method="anova")


@pytest.mark.parametrize("far", [1e6, 1e9])
def test_restricted_likelihood_does_not_depend_on_where_zero_is(small, far):
    panel, names = small
    moved = panel._with_columns({name: panel.values(name) + far for name in names})
    near, away = (estimates(rd.dynamics.reliability(one, names, method="reml")) for one in (panel, moved))
    assert away.tolist() == pytest.approx(near.tolist(), rel=1e-5, nan_ok=True)
