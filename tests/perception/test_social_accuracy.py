"""The social accuracy model against lme4, nlme and the dense likelihood; indirect accuracy against lme4."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.perception import _social_accuracy
from reldyn.perception._crossed import Component, _products, _solve, fit_crossed


def test_crossed_effects_as_lme4_has_them(ratings, numbers):
    fit = rd.perception.social_accuracy(ratings)
    known = numbers["sam"]
    names = ("(Intercept)", "valid", "nc")
    table = fit.tidy()
    np.testing.assert_allclose(table["estimate"], [known["fixef"][name] for name in names], rtol=1e-6)
    np.testing.assert_allclose(table["std_error"], [known["se"][name] for name in names], rtol=2e-5)
    # To three decimals as stated: distinctive .399, normative .766, SDs .122 and .131.
    np.testing.assert_allclose(fit.variances()["sd"], [row["sdcor"] for row in known["vc"]], atol=2e-6)
    assert fit.glance()["log_likelihood"].iloc[0] == pytest.approx(known["logLik"], abs=1e-5)
    assert fit.glance()["n_obs"].iloc[0] == known["n"]
    assert fit.variances()["at_boundary"].tolist() == [True, False, False, True, False]
    assert fit.warnings[-1].startswith(
        "The fit is singular: no variance is left for perceiver: impression, item: impression."
    )


def test_correlated_effects_are_no_worse_than_those_of_nlme(ratings, numbers):
    fit = rd.perception.social_accuracy(ratings, covariance="full")
    known = numbers["sam_lme_fullcov"]
    # nlme stops .06 short of the optimum, which moves its numbers in the third decimal.
    assert known["logLik"] < fit.glance()["log_likelihood"].iloc[0] < known["logLik"] + 0.1
    np.testing.assert_allclose(fit.tidy()["estimate"], list(known["fixef"].values()), atol=2e-4)
    np.testing.assert_allclose(fit.tidy()["std_error"], list(known["se"].values()), atol=2e-4)
    np.testing.assert_allclose(fit.variances()["sd"], known["sd"], atol=2e-3)


def test_profiled_criterion_is_the_dense_restricted_likelihood():
    rng = np.random.default_rng(2)
    n = 40
    X = np.column_stack([np.ones(n), rng.standard_normal(n)])
    y = rng.standard_normal(n)
    parts = [
        Component("a", rng.integers(5, size=n), np.ones(n)),
        Component("b", rng.integers(7, size=n), X[:, 1]),
        Component("c", np.arange(n) % 4, np.ones(n)),
    ]
    theta = np.array([0.7, 0.0, 1.3])
    solved = _solve(_products(y, X, [one.design for one in parts]), theta)
    V = np.eye(n) + sum(t**2 * one.design @ one.design.T for t, one in zip(theta, parts, strict=True))
    V = V * solved.scale
    W = np.linalg.inv(V)
    information = X.T @ W @ X
    beta = np.linalg.solve(information, X.T @ W @ y)
    left = y - X @ beta
    dense = np.linalg.slogdet(V)[1] + np.linalg.slogdet(information)[1] + left @ W @ left + (n - 2) * np.log(2 * np.pi)
    assert solved.deviance == pytest.approx(dense, rel=1e-12)
    np.testing.assert_allclose(solved.beta, beta, rtol=1e-10)
    np.testing.assert_allclose(solved.cov, np.linalg.inv(information), rtol=1e-10)
    effects = theta[2] ** 2 * solved.scale * parts[2].design.T @ W @ left
    np.testing.assert_allclose(solved.effects[-4:], effects, rtol=1e-9)


def round_robin(n_groups=10, size=5, n_items=12, seed=3):
    """Everybody in a group rates everybody else; distinctive accuracy differs over perceivers and over targets."""
    rng = np.random.default_rng(seed)
    n = n_groups * size
    norm = rng.normal(5, 1, n_items)
    own = norm + rng.normal(0, 1, (n, n_items))
    judge, good_target = rng.normal(0, 0.2, n), rng.normal(0, 0.25, n)
    rows = []
    for group in range(n_groups):
        members = range(group * size, (group + 1) * size)
        for p in members:
            for t in members:
                if p == t:
                    continue
                slope = 0.4 + judge[p] + good_target[t]
                seen = 5 + slope * (own[t] - norm) + 0.8 * (norm - norm.mean()) + rng.normal(0, 0.7, n_items)
                rows += [(p, t, k, seen[k], own[t, k], norm[k]) for k in range(n_items)]
    columns = ["perceiver", "target_person", "item", "impression", "target", "norm"]
    return pd.DataFrame(rows, columns=columns), judge, good_target


def test_perceivers_targets_and_dyads_are_told_apart_in_a_round_robin():
    frame, judge, _ = round_robin()
    fit = rd.perception.social_accuracy(frame)
    table = fit.variances().set_index(["group", "term"])["sd"]
    assert table["perceiver", "distinctive accuracy"] == pytest.approx(judge.std(), abs=0.06)
    assert table["target", "distinctive accuracy"] == pytest.approx(0.25, abs=0.07)
    assert table["dyad", "distinctive accuracy"] < 0.1
    assert table["residual", ""] == pytest.approx(0.7, abs=0.02)
    row = fit.tidy().set_index("term").loc["distinctive accuracy"]
    assert row["conf_low"] < 0.4 < row["conf_high"]
    assert fit.perceivers()["distinctive_accuracy"].corr(pd.Series(judge)) > 0.7


def partners(n_dyads=40, n_items=8, seed=5):
    rng = np.random.default_rng(seed)
    norm = np.linspace(3, 7, n_items)
    own = norm + rng.normal(0, 1, (2 * n_dyads, n_items))
    other = own.reshape(n_dyads, 2, n_items)[:, ::-1].reshape(own.shape)
    seen = 5 + 0.5 * (other - norm) + 0.9 * (norm - norm.mean()) + rng.normal(0, 0.6, own.shape)
    items, judged = [f"i{k}" for k in range(n_items)], [f"j{k}" for k in range(n_items)]
    frame = pd.DataFrame(np.hstack([own, seen]), columns=items + judged)
    frame = frame.assign(dyad=np.repeat(np.arange(n_dyads), 2), who=["a", "b"] * n_dyads)
    return rd.DyadPanel(frame, dyad="dyad", person="who", role="who"), items, judged


def test_partners_of_a_panel_are_each_others_only_targets():
    panel, items, judged = partners()
    fit = rd.perception.social_accuracy(panel, items=items, judged=judged)
    table = fit.tidy().set_index("term")
    for term, planted in (("distinctive accuracy", 0.5), ("normative accuracy", 0.9)):
        assert abs(table.loc[term, "estimate"] - planted) < 3.5 * table.loc[term, "std_error"]
    assert fit.variances()["group"].unique().tolist() == ["perceiver", "dyad", "item", "residual"]
    assert table["df"].unique().tolist() == [39]
    assert fit.glance()["n_perceivers"].iloc[0] == 80


def test_one_member_only_rates():
    panel, items, judged = partners()
    frame = panel.frame
    frame.loc[frame["who"] == "b", judged] = np.nan
    fit = rd.perception.social_accuracy(
        rd.DyadPanel(frame, dyad="dyad", person="who", role="who"), items=items, judged=judged
    )
    assert (
        fit.warnings[0] == "Each dyad goes with one perceiver, so that effects of the dyad are part of the perceiver's."
    )
    assert fit.warnings[1].startswith("320 ratings lack the impression")


def test_result_travels_and_speaks(ratings):
    fit = rd.perception.social_accuracy(ratings.rename(columns={"impression": "seen"}), columns={"impression": "seen"})
    again = rd.from_json(fit.to_json())
    pd.testing.assert_frame_equal(again.tidy(), fit.tidy())
    assert again.summary() == fit.summary()
    assert "not a fact about the target" in " ".join(fit.summary().split())
    assert len(fit.plot().axes[0].lines[2].get_xdata()) == 40


def test_an_unconfirmed_optimum_is_said(ratings, monkeypatch):
    def unsure(y, X, components):
        import dataclasses

        return dataclasses.replace(fit_crossed(y, X, components), converged=False)

    monkeypatch.setattr(_social_accuracy, "fit_crossed", unsure)
    with pytest.warns(rd.ConvergenceWarning, match="two searches for it disagree"):
        fit = rd.perception.social_accuracy(ratings)
    assert not fit.glance()["converged"].iloc[0]
    assert "THE FIT DID NOT CONVERGE" in " ".join(fit.summary().split())


def test_mistakes_are_named(ratings):
    panel, items, judged = partners(n_dyads=3)
    sam = rd.perception.social_accuracy
    with pytest.raises(rd.DesignError, match="judged=None: name the columns"):
        sam(panel, items=items)
    with pytest.raises(rd.DesignError, match="8 items, but 7 judgments"):
        sam(panel, items=items, judged=judged[1:])
    with pytest.raises(rd.DesignError, match="2 items, below 3: a profile needs more"):
        sam(panel, items=items[:2], judged=judged[:2])
    with pytest.raises(rd.DesignError, match="named twice: i0"):
        sam(panel, items=["i0", "i0", "i1"], judged=judged[:3])
    with pytest.raises(rd.DataError, match="no column 'impression' in the table"):
        sam(ratings.rename(columns={"impression": "x"}))
    with pytest.raises(rd.DesignError, match="columns='impresion' is not known; allowed: 'perceiver', 'item'"):
        sam(ratings, columns={"impresion": "x"})
    with pytest.raises(rd.DesignError, match="covariance='block' is not known; allowed: 'diagonal', 'full'"):
        sam(ratings, covariance="block")
    with pytest.raises(rd.DesignError, match="4 perceivers with complete ratings, below 5"):
        sam(ratings[ratings["perceiver"] < 5])
    with pytest.raises(rd.DesignError, match="the impressions never vary"):
        sam(ratings.assign(impression=3.0))
    with pytest.raises(rd.DesignError, match="targets never differ from the norm"):
        sam(ratings.assign(target=ratings["norm"]))
    with pytest.raises(rd.DesignError, match="no row has an impression"):
        sam(ratings.assign(impression=np.nan))
    with pytest.raises(rd.DataError, match="column 'target' of the table holds text"):
        sam(ratings.assign(target="x"))


@pytest.mark.parametrize("interval", ["bootstrap", "delta"])
def test_indirect_accuracy_is_bias_times_similarity(diary, numbers, interval):
    found = rd.perception.indirect_accuracy(
        diary, judgment="judgment", truth="truth", bias="own", interval=interval, n_boot=499, seed=1
    ).set_index("effect")
    known = numbers["indirect_accuracy"]
    for effect, name in (
        ("total accuracy", "total"), ("direct accuracy", "direct"), ("actual similarity", "actual_sim"),
        ("bias force", "bias"), ("indirect accuracy", "indirect"),
    ):  # fmt: skip
        assert found.loc[effect, "estimate"] == pytest.approx(known[name], rel=2e-9)
    parts = found.loc["direct accuracy", "estimate"] + found.loc["indirect accuracy", "estimate"]
    assert found.loc["total accuracy", "estimate"] == pytest.approx(parts, rel=1e-9)
    # Both intervals rest on dyads, so they agree with each other and are wider than those of independent rows.
    assert found.loc["indirect accuracy", "std_error"] == pytest.approx(0.0110, abs=0.0008)
    assert (found["n_dyads"] == 60).all()


def test_indirect_accuracy_bootstrap_refits_what_the_weights_say(diary):
    """With variances held, a sample of dyads is weighted least squares; here by brute force for one sample."""
    from reldyn.perception._indirect_accuracy import _Equations

    panel = diary.actor_partner(["own"])
    fit = rd.mixed_model(
        panel, outcome="judgment", fixed=("truth", "own"), random=("intercept",), residual="independent"
    )
    between, residual = fit.covariance("random").to_numpy(), fit.covariance("residual").to_numpy()
    drawn = np.random.default_rng(1).integers(60, size=60)
    information, right = np.zeros((3, 3)), np.zeros(3)
    frame = panel.frame
    for code in drawn:
        rows = frame[frame["dyad"] == code + 1]
        X = np.column_stack([np.ones(len(rows)), rows["truth"], rows["own"]])
        member = (rows["person"] % 2 == 0).astype(int).to_numpy()
        V = between[np.ix_(member, member)] + residual[0, 0] * np.eye(len(rows))
        information += X.T @ np.linalg.solve(V, X)
        right += X.T @ np.linalg.solve(V, rows["judgment"])
    np.testing.assert_allclose(_Equations(fit).again(drawn), np.linalg.solve(information, right), rtol=1e-9)


def test_indirect_accuracy_per_role_and_for_one_perceiver_per_dyad():
    panel = rd.simulate.perception(n_dyads=60, contagion=0.3, bias_force=(0.6, 0.1), seed=4).panel
    options = {"judgment": "perceived", "truth": "mood_partner", "bias": "mood_actor", "n_boot": 99, "seed": 1}
    found = rd.perception.indirect_accuracy(panel.actor_partner(["mood"]), **options).set_index(["effect", "role"])
    assert found.loc[("indirect accuracy", "a"), "estimate"] > found.loc[("indirect accuracy", "b"), "estimate"]
    frame = panel.frame
    frame.loc[frame["role"] == "b", "perceived"] = np.nan
    one = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time").actor_partner(["mood"])
    alone = rd.perception.indirect_accuracy(one, **options)
    assert alone["role"].tolist() == [""] * 5
    assert alone["estimate"].iloc[0] == pytest.approx(found.loc[("total accuracy", "a"), "estimate"], abs=0.02)
    with pytest.raises(rd.DesignError, match="interval='z' is not known; allowed: 'bootstrap', 'delta'"):
        rd.perception.indirect_accuracy(one, **(options | {"interval": "z"}))


@pytest.mark.parametrize(("unit", "shift"), [(1e-6, 0.0), (1e6, 0.0), (1.0, 1000.0)])
@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_unit_and_zero_of_the_ratings_do_not_matter(ratings, covariance, unit, shift):
    one = rd.perception.social_accuracy(ratings, covariance=covariance)
    moved = ratings.copy()
    for name in ("impression", "target", "norm"):
        if name in moved:
            moved[name] = moved[name] * unit + shift
    two = rd.perception.social_accuracy(moved, covariance=covariance)
    for name in ("estimate", "std_error"):
        np.testing.assert_allclose(two.tidy()[name].iloc[1:], one.tidy()[name].iloc[1:], rtol=1e-2)
    first = [each.tidy()["estimate"].iloc[0] for each in (one, two)]
    assert first[1] == pytest.approx(first[0] * unit + shift)
    n = one.glance()["n_obs"][0]
    moved_by = -(n - 1) * np.log(unit)
    assert two.glance()["log_likelihood"][0] == pytest.approx(one.glance()["log_likelihood"][0] + moved_by, rel=1e-6)
    sd, moved_sd, term = one.variances()["sd"], two.variances()["sd"], one.variances()["term"]
    expected = sd * np.where(term.isin(["impression", ""]), unit, 1.0)
    np.testing.assert_allclose(moved_sd[sd > 0.01], expected[sd > 0.01], rtol=1e-2)


def test_ratings_too_large_to_compute_with_are_refused_in_words(ratings, monkeypatch):
    def singular(*_):
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr(_social_accuracy, "fit_crossed", singular)
    with pytest.raises(rd.DesignError) as error:
        rd.perception.social_accuracy(ratings)
    told = ratings["impression"] if "impression" in ratings else ratings.iloc[:, -1]
    assert str(error.value).startswith(f"impressions around {told.abs().mean():.3g} with a standard deviation of ")
    assert str(error.value).endswith("Give the ratings in a unit in which they lie between 1 and 100 or so.")
