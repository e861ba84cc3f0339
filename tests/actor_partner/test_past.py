"""The outcome's past among the terms: what is left out, what is said, and which tests are withheld."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

ap = rd.actor_partner
Z = rd.Estimation(inference="z")
TRANSITION = np.array([[0.4, 0.2], [0.2, 0.4]])


def waves_of(n=150, waves=3, seed=21, level=1.0, roles=("f", "m")):
    """A stationary vector autoregression around persons' own levels."""
    generator = np.random.default_rng(seed)
    own = level * generator.normal(size=(n, 2))
    y = generator.normal(size=(n, 2))
    frames = []
    for wave in range(-20, waves):
        y = y @ TRANSITION.T + generator.normal(size=(n, 2))
        if wave >= 0:
            for k in (0, 1):
                frames.append(
                    pd.DataFrame(
                        {"couple": range(n), "person": [f"{c}{k}" for c in range(n)], "role": roles[k], "wave": wave}
                    ).assign(y=y[:, k] + own[:, k])
                )
    return pd.concat(frames, ignore_index=True)


def as_panel(frame, role="role"):
    return rd.DyadPanel(frame, dyad="couple", person="person", role=role, time="wave")


def quiet(call, *given, **named):
    with pytest.warns(rd.DataWarning, match="Nickell, 1981"):
        return call(*given, **named)


def levels_of_lags(fit):
    table = fit.tidy()
    return set(table[table["variable"].str.contains("_lag")]["level"])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"centering": "within-between"},
        {"centering": {"y_lag1": "within-between", "x": "grand"}, "predictors": ["y_lag1", "x"]},
        {"roles": "exchangeable"},
        {"predictors": ["y_lag1", "y_lag2"]},
        {"predictors": [rd.shared("y_lag1")]},
        {"interaction": "product"},
        {"moderators": {"trait": "actor"}},
        {"covariates": ["x"], "random": ("intercept", "actor")},
    ],
)
def test_no_mean_of_the_outcome_enters(options):
    frame = waves_of(waves=14, n=40)
    generator = np.random.default_rng(1)
    frame["x"] = generator.normal(size=len(frame))
    frame["trait"] = frame["person"].map(dict(zip(frame["person"].unique(), generator.normal(size=80), strict=True)))
    panel = as_panel(frame).lag(["y"]).lag(["y"], steps=2)
    fit = quiet(rd.apim, panel, outcome="y", estimation=Z, **({"predictors": ["y_lag1"]} | options))
    assert levels_of_lags(fit) == {"within"}
    assert fit.setting.lags


def test_by_composition_no_mean_of_the_outcome_enters():
    women = waves_of(n=30, waves=14, seed=2, roles=("f", "f")).assign(couple=lambda rows: rows["couple"] + 100)
    women["person"] = "w" + women["person"]
    panel = as_panel(pd.concat([waves_of(n=40, waves=14), women], ignore_index=True)).lag(["y"])
    fit = quiet(rd.apim, panel, outcome="y", predictors=["y_lag1"], estimation=Z)
    assert fit.setting.roles == "by-composition"
    assert levels_of_lags(fit) == {"within"}


def test_a_lagged_predictor_that_is_not_the_outcome_keeps_both_parts():
    frame = waves_of(waves=14, n=40)
    frame["x"] = np.random.default_rng(1).normal(size=len(frame)) + frame["couple"] % 3
    fit = rd.apim(as_panel(frame).lag(["x"]), outcome="y", predictors=["x_lag1"], estimation=Z)
    assert levels_of_lags(fit) == {"within", "between"}


@pytest.mark.parametrize("made", ["shift", "partner", "grand"])
def test_a_lag_made_by_hand_is_a_lag(made):
    """Found by its values: whatever it is called, and centred by the user or not."""
    panel = as_panel(waves_of(waves=14, n=40))
    frame = panel.frame
    before = frame.sort_values("wave").groupby("person")["y"].shift(1)
    if made == "partner":
        lagged = panel.lag(["y"]).actor_partner(["y_lag1"]).frame
        before = lagged["y_lag1_partner"]
    frame["yesterday"] = before - (before.mean() if made == "grand" else 0.0)
    fit = quiet(rd.apim, as_panel(frame), outcome="y", predictors=["yesterday"], estimation=Z)
    assert set(fit.tidy().query("variable == 'yesterday'")["level"]) == {"within"}
    if made == "shift":
        ours = quiet(rd.apim, panel.lag(["y"]), outcome="y", predictors=["y_lag1"], estimation=Z)
        assert fit.estimates.beta == pytest.approx(ours.estimates.beta, abs=1e-12)


@pytest.mark.parametrize("schedule", ["one a day", "five to one"])
def test_a_lag_from_day_to_day_is_a_lag(schedule):
    """The lag of the study's clock, which leads from day to day where days have one occasion."""
    waves = waves_of(waves=14, n=40)
    beep = 0 if schedule == "one a day" else np.where(waves["wave"] < 6, waves["wave"] % 3, 2)
    day = waves["wave"] if schedule == "one a day" else np.where(waves["wave"] < 6, waves["wave"] // 3, waves["wave"])
    columns = {"dyad": "couple", "person": "person", "role": "role", "day": "day", "beep": "beep"}
    panel = rd.DyadPanel(waves.assign(day=day, beep=beep), **columns)
    frame = panel.lag(["y"]).frame.rename(columns={"y_lag1": "before"})
    from_day_to_day = (frame["before"].notna() & (frame["wave"] >= 7)).sum()
    assert from_day_to_day == 7 * 80
    fit = quiet(rd.apim, rd.DyadPanel(frame, **columns), outcome="y", predictors=["before"], estimation=Z)
    assert fit.setting.lags == ("before",)


def test_numbers_are_those_of_columns_made_by_hand():
    """Restricted likelihood and coefficients from full covariance matrices, on columns made with pandas."""
    frame = waves_of(waves=6, n=30).sort_values(["couple", "wave", "role"], ignore_index=True)
    fit = quiet(rd.apim, as_panel(frame).lag(["y"]), outcome="y", predictors=["y_lag1"], estimation=Z)
    lag = frame.groupby("person")["y"].shift(1)
    own = lag - lag.groupby(frame["person"]).transform("mean")
    partner = own.groupby([frame["couple"], frame["wave"]]).transform("sum") - own
    used = frame.assign(own=own, partner=partner).dropna()
    woman = (used["role"] == "f").to_numpy(dtype=float)
    X = np.column_stack(
        [w * values for values in (np.ones(len(used)), used["own"], used["partner"]) for w in (woman, 1 - woman)]
    )
    Z_, y = np.column_stack([woman, 1 - woman]), used["y"].to_numpy()
    G, residual = fit.covariance("random").to_numpy(), fit.covariance("residual").to_numpy()
    information, score, quadratic, log_det = 0.0, 0.0, 0.0, 0.0
    member = (1 - woman).astype(int)
    for couple in used["couple"].unique():
        rows = np.flatnonzero(used["couple"] == couple)
        wave = used["wave"].to_numpy()[rows]
        same = wave[:, None] == wave[None, :]
        V = Z_[rows] @ G @ Z_[rows].T + residual[np.ix_(member[rows], member[rows])] * same
        solved = np.linalg.solve(V, np.column_stack([X[rows], y[rows]]))
        information, score = information + X[rows].T @ solved[:, :-1], score + X[rows].T @ solved[:, -1]
        quadratic, log_det = quadratic + y[rows] @ solved[:, -1], log_det + np.linalg.slogdet(V)[1]
    beta = np.linalg.solve(information, score)
    deviance = log_det + np.linalg.slogdet(information)[1] + quadratic - score @ beta
    deviance += (len(y) - len(beta)) * np.log(2 * np.pi)
    assert fit.estimates.beta == pytest.approx(beta, abs=1e-8)
    assert fit.log_likelihood == pytest.approx(-0.5 * deviance, abs=1e-8)


def test_intercepts_are_no_longer_singular():
    """With the partner's mean among the terms intercepts are correlated -1; without it they are what was simulated."""
    frame = waves_of(waves=30, n=200, level=1.0)
    fit = quiet(rd.apim, as_panel(frame).lag(["y"]), outcome="y", predictors=["y_lag1"], estimation=Z)
    random = fit.covariance("random").to_numpy()
    assert not fit.estimates.at_boundary
    assert abs(random[0, 1]) < 0.3
    # Variance of a person's expected outcome where both lags are at the person's means: that of the level.
    assert np.diag(random) == pytest.approx([1.0, 1.0], abs=0.35)


def test_three_waves_warn_with_the_size_and_withhold_tests():
    panel = as_panel(waves_of(level=0.0, n=400))
    with pytest.warns(rd.DataWarning) as caught:
        result = ap.over_time(panel, outcome="y", centering="within-between")
    assert len(caught) == 1
    text = str(caught[0].message)
    assert "with T = 2 usable occasions per person that is -0.50 where phi = 0 and -0.75 where phi = .5" in text
    assert "can come out as zero or negative, with intervals that leave the truth out" in text
    assert "statistics and p-values of the lag are withheld below 10 usable occasions" in text
    assert "towards zero" not in text
    table = result.tidy()
    lagged = table["variable"] == "y_lag1"
    assert table.loc[lagged, ["statistic", "p_value"]].isna().all(axis=None)
    assert table.loc[~lagged, ["statistic", "p_value"]].notna().all(axis=None)
    assert table["estimate"].notna().all()
    assert "withheld" in " ".join(result.summary().split())
    # The bias is the one that the warning tells: about -(1 + phi) / 2.
    assert table.query("effect == 'stability'")["estimate"].mean() == pytest.approx(0.4 - 0.7, abs=0.1)


def test_what_rests_on_a_withheld_test_is_withheld():
    frame = waves_of(waves=5)
    generator = np.random.default_rng(3)
    frame["trait"] = frame["person"].map(dict(zip(frame["person"].unique(), generator.normal(size=300), strict=True)))
    panel = as_panel(frame).lag(["y"])
    fit = quiet(
        rd.apim,
        panel,
        outcome="y",
        predictors=["y_lag1"],
        moderators={"trait": "actor"},
        roles="exchangeable",
        estimation=Z,
    )
    table = fit.tidy().set_index("term")
    touched = table["variable"] == "y_lag1"
    assert table.loc[touched, "p_value"].isna().all()
    assert table.loc[~touched, "p_value"].notna().all()
    assert np.isnan(fit.contrast("actor-minus-partner")["p_value"].item())
    both = fit.contrast([{"actor y_lag1 (within)": 1.0}, {"actor trait": 1.0}])
    assert both[["statistic", "p_value"]].isna().all(axis=None)
    assert fit.contrast({"actor trait": 1.0})["p_value"].notna().all()
    assert fit.pattern()["note"].str.contains("k is withheld").all()
    slopes = ap.simple_slopes(fit)
    assert slopes.tidy()["p_value"].isna().all()
    assert slopes.regions.empty
    assert "are withheld" in " ".join(slopes.summary().split())
    again = rd.from_json(fit.to_json(rows=True))
    pd.testing.assert_frame_equal(again.tidy(), fit.tidy())
    pd.testing.assert_frame_equal(again.predict(), fit.predict())


def test_long_series_keep_their_tests():
    fit = quiet(rd.apim, as_panel(waves_of(waves=12)).lag(["y"]), outcome="y", predictors=["y_lag1"], estimation=Z)
    assert fit.tidy()["p_value"].notna().all()
    assert "withheld" not in fit.warnings[0]


def test_the_count_is_of_usable_occasions():
    """Twelve waves of which half were missed are a short series."""
    frame = waves_of(waves=12)
    frame = frame[~((frame["wave"] % 3 == 2) & (frame["couple"] % 2 == 0))]
    frame = frame[~((frame["wave"] > 6) & (frame["couple"] % 2 == 1))]
    fit = quiet(rd.apim, as_panel(frame).lag(["y"]), outcome="y", predictors=["y_lag1"], estimation=Z)
    assert fit.tidy().query("variable == 'y_lag1'")["p_value"].isna().all()


def test_marginal_models_do_the_same():
    frame = waves_of(waves=6)
    frame["y"] = (frame["y"] > 0).astype(float)
    panel = as_panel(frame).lag(["y"])
    fit = quiet(rd.apim, panel, outcome="y", predictors=["y_lag1"], family="binomial")
    table = fit.tidy().query("variable == 'y_lag1'")
    assert set(table["level"]) == {"within"}
    assert table["p_value"].isna().all()
    # A marginal model has no residual process to choose instead.
    assert not any("var1" in note for note in fit.warnings)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"centering": "grand"}, "Residuals: a free 2 x 2 covariance within each occasion."),
        ({"centering": "grand", "residual": "independent"}, "Residuals: independent"),
        ({"family": "binomial", "centering": "grand"}, "The model is marginal (generalised estimating equations)"),
    ],
)
def test_the_summary_says_what_was_assumed_of_residuals(options, told):
    frame = waves_of(waves=6)
    frame["y"] = (frame["y"] > 0).astype(float) if "family" in options else frame["y"]
    text = " ".join(ap.over_time(as_panel(frame), outcome="y", **options).summary().split())
    assert told in text
    assert "free to correlate" not in text


def test_two_waves_are_a_regression_on_the_past():
    """Least squares on the first wave; that it holds stable levels stands in the notes."""
    frame = waves_of(waves=2)
    result = ap.over_time(as_panel(frame), outcome="y", residual="independent", estimation=Z)
    wide = frame.pivot(index="couple", columns=["role", "wave"], values="y")
    first = wide.xs(0, axis=1, level="wave")
    X = np.column_stack([np.ones(len(wide)), first - frame.loc[frame["wave"] == 0, "y"].mean()])
    beta = np.linalg.lstsq(X, wide["f", 1].to_numpy(), rcond=None)[0]
    found = result.tidy().query("role == 'f'").set_index("effect")["estimate"]
    assert found[["intercept", "stability", "influence"]].to_numpy() == pytest.approx(beta, abs=1e-8)
    assert result.tidy()["p_value"].notna().all()
    assert "holds the person's stable level" in result.warnings[0]


@pytest.mark.parametrize(
    ("column", "what"),
    [
        ("y_between", "the person's mean of the outcome"),
        ("y_lag1_between", "the person's mean of the lagged outcome"),
        ("mean_in_other_units", "the person's mean of the outcome"),
        ("partner_mean", "the partner's mean of the outcome"),
        ("couple_mean", "the dyad's mean of the outcome"),
    ],
)
@pytest.mark.parametrize("model", ["covariate", "fixed", "moderator"])
def test_a_mean_of_the_outcome_named_by_hand_is_warned_of(column, what, model):
    panel = as_panel(waves_of(waves=6, n=40)).lag(["y"]).within_between(["y", "y_lag1"])
    frame = panel.frame
    frame["x"] = np.random.default_rng(5).normal(size=len(frame))
    frame["mean_in_other_units"] = 10 * frame.groupby("person")["y"].transform("mean") + 50
    frame["couple_mean"] = frame.groupby("couple")["y"].transform("mean")
    frame["partner_mean"] = 2 * frame["couple_mean"] - frame.groupby("person")["y"].transform("mean")
    panel = as_panel(frame)
    message = f"'{column}' is {what}, which explains differences between persons by themselves"
    with pytest.warns(rd.DataWarning, match=message):
        if model == "covariate":
            fit = rd.apim(panel, outcome="y", predictors=["x"], covariates=[column], random=(), estimation=Z)
        elif model == "moderator":
            moderators = {column: "dyad" if column == "couple_mean" else "actor"}
            fit = rd.apim(panel, outcome="y", predictors=["x"], moderators=moderators, random=(), estimation=Z)
        else:
            fit = rd.mixed_model(panel, outcome="y", fixed=["x", column], random=(), estimation=Z)
    assert any(note.startswith(f"'{column}' is {what}") for note in fit.warnings)


def test_a_lag_centred_by_hand_is_biased_like_ours():
    panel = as_panel(waves_of(waves=5)).lag(["y"]).within_between(["y_lag1"])
    fit = quiet(rd.mixed_model, panel, outcome="y", fixed=["y_lag1_within"], estimation=Z)
    table = fit.tidy().set_index("variable")
    assert table.loc["y_lag1_within", "p_value"].isna().all()
    assert table.loc["", "p_value"].notna().all()


def test_other_columns_are_not_taken_for_the_past():
    """Likert answers, a trait and a role code say nothing."""
    generator = np.random.default_rng(9)
    frame = waves_of(waves=10, n=30)
    frame["y"] = frame["y"].round().clip(-2, 2)
    frame["likert"] = generator.integers(-2, 3, size=len(frame)).astype(float)
    frame["woman"] = (frame["role"] == "f").astype(float)
    frame["age"] = frame["person"].map(dict(zip(frame["person"].unique(), generator.integers(20, 60, 60), strict=True)))
    fit = rd.apim(
        as_panel(frame),
        outcome="y",
        predictors=["likert"],
        covariates=["woman", "age"],
        roles="exchangeable",
        estimation=Z,
    )
    assert fit.setting.lags == ()
    assert fit.warnings == ()


@pytest.mark.parametrize("waves", [2, 4])
@pytest.mark.parametrize("shape", ["x", ["x"], [rd.shared("x")]], ids=["name", "list", "shared"])
def test_over_time_takes_further_predictors(waves, shape):
    frame = waves_of(waves=waves)
    frame["x"] = np.random.default_rng(1).normal(size=len(frame))
    panel, options = as_panel(frame), {"centering": "grand", "random": ()}
    found = ap.over_time(panel, outcome="y", predictors=shape, **options)
    more = [shape] if isinstance(shape, str) else shape
    expected = rd.apim(panel.lag(["y"]), outcome="y", predictors=["y_lag1", *more], **options)
    assert found.tidy()["estimate"].to_numpy() == pytest.approx(expected.tidy()["estimate"].to_numpy())


def test_a_yes_or_no_of_two_waves_has_no_option_that_nobody_gave():
    frame = waves_of(waves=2)
    frame["y"] = (frame["y"] > 0).astype(int)
    found = ap.over_time(as_panel(frame), outcome="y", family="binomial")
    expected = rd.apim(
        as_panel(frame).lag(["y"]), outcome="y", predictors=["y_lag1"], family="binomial", centering="grand"
    )
    assert found.tidy()["estimate"].to_numpy() == pytest.approx(expected.tidy()["estimate"].to_numpy())


@pytest.mark.parametrize("missing", ["model", "impute"])
def test_the_past_is_not_filled_in_as_a_variable_of_its_own(missing):
    panel = as_panel(waves_of(waves=2)).lag(["y"])
    estimation = rd.Estimation(method="ml", missing=missing, seed=1)
    message = f"'y_lag1' is the outcome at an earlier occasion, and missing='{missing}'"
    with pytest.raises(rd.DesignError, match=message):
        rd.apim(panel, outcome="y", predictors=["y_lag1"], centering="grand", random=(), estimation=estimation)
    with pytest.raises(rd.DesignError, match=message):
        ap.over_time(as_panel(waves_of(waves=3)), outcome="y", estimation=estimation)
    if missing == "impute":
        with pytest.raises(rd.DesignError, match=message):
            rd.mixed_model(panel, outcome="y", fixed=["y_lag1"], random=(), estimation=estimation)
