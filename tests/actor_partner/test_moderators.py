"""Moderators: whose value it is, as a trait and occasion by occasion. Truths are columns made by hand."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import reldyn as rd

# Least squares: no random effects, independent residuals, columns as they stand.
PLAIN = {"random": (), "residual": "independent", "estimation": rd.Estimation(inference="z"), "centering": "none"}


def diary(seed=8, n=40, days=8, missing=0.0, kinds=1):
    """Couples whose stress effect is moderated by the partner's conflict of the same day, with that column by hand."""
    generator = np.random.default_rng(seed)
    rows = []
    for couple in range(n):
        labels = ("fm", "ff", "fm")[couple % (2 if kinds > 1 else 1)]
        traits = generator.normal(size=2)
        for day in range(days):
            x, m, z = generator.normal(size=2), generator.normal(size=2), generator.normal()
            y = 0.3 * x + 0.5 * x * m[::-1] + 0.3 * m[::-1] + generator.normal(size=2)
            m[generator.random(2) < missing] = np.nan
            rows += [
                (couple, 2 * couple + k, labels[k], day, x[k], x[1 - k], m[k], m[1 - k], z, traits[k], y[k])
                for k in (0, 1)
            ]
    names = ["couple", "person", "role", "day", "x", "xp", "m", "mp", "z", "trait", "y"]
    return pd.DataFrame(rows, columns=names)


def as_panel(frame):
    return rd.DyadPanel(frame, dyad="couple", person="person", role="role", time="day")


def moderated(frame, moderators, **options):
    return rd.apim(as_panel(frame), outcome="y", predictors=["x"], moderators=moderators, **PLAIN | options)


def by_hand(rows, moderator, intercept=True):
    """Least squares on 1, own and partner's x, the moderator and its products."""
    x, xp, m = rows["x"].to_numpy(), rows["xp"].to_numpy(), rows[moderator].to_numpy()
    return np.column_stack([np.ones(len(x)), x, xp, m, x * m, xp * m])


def least_squares(rows, moderator):
    rows = rows.dropna(subset=["x", "xp", moderator, "y"])
    return np.linalg.lstsq(by_hand(rows, moderator), rows["y"].to_numpy(), rcond=None)[0]


def coefficients(fit, **where):
    table = fit.tidy()
    for name, value in where.items():
        table = table[table[name] == value]
    return table["estimate"].to_numpy()


@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_partner_moderator_is_that_of_the_same_occasion(missing):
    frame = diary(missing=missing)
    fit = moderated(frame, {"m": "partner"})
    for role in ("f", "m"):
        expected = least_squares(frame[frame["role"] == role], "mp")
        assert coefficients(fit, role=role) == pytest.approx(expected, abs=1e-8)
    gone = int(frame["mp"].isna().sum())
    assert fit.glance()["n_obs"].item() == len(frame) - gone
    said = [note for note in fit.warnings if "partner's m of that occasion is missing" in note]
    assert [note.split()[0] for note in said] == ([str(gone)] if gone else [])
    assert "Moderated by m (partner, at each occasion); effects are those where m is 0." in " ".join(
        fit.summary().split()
    )


def test_partner_moderator_of_exchangeable_members():
    frame = diary()
    fit = moderated(frame, {"m": "partner"}, roles="exchangeable")
    assert coefficients(fit) == pytest.approx(least_squares(frame, "mp"), abs=1e-8)


def test_partner_moderator_by_composition():
    frame = diary(kinds=2)
    fit = moderated(frame, {"m": "partner"})
    same = frame.groupby("couple")["role"].transform("nunique") == 1
    assert coefficients(fit, composition="f-f") == pytest.approx(least_squares(frame[same], "mp"), abs=1e-8)
    women = frame[~same & (frame["role"] == "f")]
    mixed = fit.tidy().query("composition == 'f-m' and role == 'f'")["estimate"]
    assert mixed.to_numpy() == pytest.approx(least_squares(women, "mp"), abs=1e-8)


def test_partner_moderator_of_a_count():
    """Over several occasions the working correlation is independence: the coefficients are those of a Poisson GLM."""
    frame = diary(n=60)
    frame["y"] = np.random.default_rng(3).poisson(np.exp(0.2 * frame["y"]))
    fit = rd.apim(
        as_panel(frame),
        outcome="y",
        predictors=["x"],
        moderators={"m": "partner"},
        centering="none",
        roles="exchangeable",
        family="poisson",
    )
    expected = sm.GLM(frame["y"], by_hand(frame, "mp"), family=sm.families.Poisson()).fit(tol=1e-12).params
    assert coefficients(fit) == pytest.approx(expected.to_numpy(), abs=1e-8)


def test_both_partners_moderators_are_two_columns():
    frame = diary()
    fit = moderated(frame, {"m": ("actor", "partner")}, roles="exchangeable")
    x, xp, m, mp = (frame[name].to_numpy() for name in ("x", "xp", "m", "mp"))
    X = np.column_stack([np.ones(len(x)), x, xp, m, x * m, xp * m, mp, x * mp, xp * mp])
    assert coefficients(fit) == pytest.approx(np.linalg.lstsq(X, frame["y"].to_numpy(), rcond=None)[0], abs=1e-8)


def test_simple_slopes_are_read_at_the_partners_values_of_the_occasion():
    frame = diary()
    fit = moderated(frame, {"m": "partner"}, roles="exchangeable")
    slopes = rd.actor_partner.simple_slopes(fit, at=[1.0])
    beta = least_squares(frame, "mp")
    assert slopes.tidy()["estimate"].to_numpy() == pytest.approx([beta[1] + beta[4], beta[2] + beta[5]], abs=1e-8)
    assert slopes.limits == pytest.approx((frame["mp"].min(), frame["mp"].max()), abs=1e-12)


def test_prediction_reads_the_same_occasion_too():
    frame = diary()
    fit = moderated(frame, {"m": "partner"})
    rows = frame[frame["role"] == "f"]
    expected = by_hand(rows, "mp") @ coefficients(fit, role="f")
    assert fit.predict()["predicted"].to_numpy()[rows.index] == pytest.approx(expected, abs=1e-8)
    # One occasion only: the moderator does not vary in the new rows, and the partner has no other value to lend.
    one = frame[(frame["day"] == 0) & ~((frame["couple"] == 0) & (frame["role"] == "m"))]
    found = fit.predict(as_panel(one))
    assert np.isnan(found["predicted"].iloc[0])
    assert found["predicted"].iloc[1:].notna().all()
    again = rd.from_json(fit.to_json())
    pd.testing.assert_frame_equal(again.predict(as_panel(one)), found)


@pytest.mark.parametrize("owner", ["actor", "partner"])
def test_a_trait_asked_once_holds_on_every_row(owner):
    """A constant moderator that is missing in most rows is the person's value there, and costs no row."""
    frame = diary()
    once = frame.assign(trait=frame["trait"].where(frame["day"] == 0))
    full, sparse = (moderated(rows, {"trait": owner}, centering=None) for rows in (frame, once))
    assert sparse.glance()["n_obs"].item() == len(frame)
    assert coefficients(sparse) == pytest.approx(coefficients(full), abs=1e-10)
    assert sparse.warnings == full.warnings == ()


def test_a_trait_of_a_partner_who_is_absent_that_day():
    frame = diary()
    rows = frame.drop(index=frame.index[(frame["role"] == "m") & (frame["day"] == 3)])
    fit = moderated(rows, {"trait": "partner"})
    partner = frame.groupby("couple")["trait"].transform("sum")
    person = frame["trait"]
    # Both partners have one trait value on each day: the other's is the sum of the two, less the own.
    partner = partner / frame.groupby("couple")["day"].transform("nunique") - person
    women = frame.assign(tp=partner)
    women = women[(women["role"] == "f") & (women["day"] != 3)]
    assert coefficients(fit, role="f") == pytest.approx(least_squares(women, "tp"), abs=1e-8)


def test_a_moderator_of_the_dyad_may_change_over_time():
    frame = diary()
    # Only one partner was asked: the value is the dyad's.
    half = frame.assign(z=frame["z"].where((frame["role"] == "f") | (frame["day"] > 2)))
    for rows in (frame, half):
        fit = moderated(rows, {"z": "dyad"})
        for role in ("f", "m"):
            expected = least_squares(frame[frame["role"] == role], "z")
            assert coefficients(fit, role=role) == pytest.approx(expected, abs=1e-8)


def test_a_moderator_of_the_dyad_that_partners_do_not_share_is_refused():
    frame = diary()
    with pytest.raises(rd.DataError) as caught:
        rd.apim(as_panel(frame), outcome="y", predictors=["x"], moderators={"m": "dyad"})
    assert str(caught.value) == (
        "moderators={'m': 'dyad'} says that 'm' belongs to the dyad, but partners have different values of it at the "
        "same occasion in 40 dyads (0, 1, 2, 3, 4 and 35 more). Use 'actor' or 'partner', or make one value per dyad "
        "first, for example the mean of both."
    )
    frame["z"] = frame["z"].where(~((frame["couple"] == 7) & (frame["day"] == 2) & (frame["role"] == "m")), 9.0)
    with pytest.raises(rd.DataError, match=r"at the same occasion in 1 dyad \(7\)\."):
        rd.apim(as_panel(frame), outcome="y", predictors=["x"], moderators={"z": "dyad"})
    with pytest.raises(rd.DataError, match=r"different values of it in 40 dyads"):
        rd.apim(as_panel(frame), outcome="y", predictors=["x"], moderators={"trait": "dyad"}, family="poisson")


def test_imputed_predictors_leave_the_moderator_as_it_is():
    frame = diary(n=30)
    frame["x"] = frame["x"].where(np.random.default_rng(1).random(len(frame)) > 0.1)
    options = {"method": "reml", "inference": "z", "seed": 2, "missing": "impute"}
    hand, ours = (
        rd.apim(
            as_panel(frame),
            outcome="y",
            predictors=["x"],
            moderators={name: owner},
            random=(),
            estimation=rd.Estimation(**options),
        )
        for name, owner in (("mp", "actor"), ("m", "partner"))
    )
    assert coefficients(ours) == pytest.approx(coefficients(hand), abs=1e-8)


def test_complete_data_say_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = moderated(diary(), {"m": "partner"}, centering=None)
    assert fit.warnings == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"moderators": {"m": None}}, "owner of moderator 'm'=None is not known; allowed: 'actor', 'partner', 'dyad'"),
        ({"moderators": {"m": ()}}, "owner of moderator 'm'=None is not known"),
        ({"moderators": {"y": "partner"}}, "'y' is the outcome and cannot moderate its own effects"),
        ({"moderators": {"x": "partner"}}, "'x' is named among predictors and moderators, .* interaction='product'"),
        ({"moderators": {"z": "dyad"}, "covariates": ["z"]}, "'z' is named among covariates and moderators"),
    ],
)
def test_a_moderator_stands_in_the_model_once_and_has_an_owner(given, message):
    with pytest.raises(rd.DesignError, match=message):
        rd.apim(as_panel(diary()), outcome="y", predictors=["x"], **given)


def test_the_own_value_may_be_held_constant_while_the_partners_moderates():
    given = {"predictors": ["x"], "covariates": ["trait"], "moderators": {"trait": "partner"}}
    assert rd.apim(as_panel(diary()), outcome="y", **given, **PLAIN).converged


def test_effects_far_from_where_a_moderator_is_are_named():
    frame = diary()
    near = moderated(frame, {"m": "actor"})
    far = moderated(frame.assign(m=frame["m"] + 40), {"m": "actor"})
    assert not any("outside of these values" in note for note in near.warnings)
    assert [note.split()[0] for note in far.warnings if "outside of these values" in note] == ["m"]
    assert "effects are those where m is 0." in " ".join(far.summary().split())
