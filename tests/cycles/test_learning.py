import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.cycles.learning_models._fit import _expect, _start, fit_model
from reldyn.cycles.learning_models._models import GRID, Sample, drives, gather
from reldyn.errors import DataError, DesignError
from reldyn.results import from_json

FORBIDDEN = re.compile(r"narciss|abuse|victim|diagnos|patholog|disorder", re.IGNORECASE)
MODELS = ("none", "rescorla-wagner", "pearce-hall")
RATE, SURPRISE, UNCERTAIN = 0.3, -0.8, 1.0


def planted(seed, *, n_dyads=30, n=300, surprise=SURPRISE, uncertain=UNCERTAIN, missing=0.1, drive_sd=0.1):
    """Directions whose response learns by a loop of its own, written from the definition."""
    rng = np.random.default_rng(seed)
    rows = []
    for dyad in range(n_dyads):
        for who in ("a", "b"):
            rate = 1 / (1 + np.exp(-(np.log(RATE / (1 - RATE)) + 0.7 * rng.standard_normal())))
            mine = (surprise + drive_sd * rng.standard_normal(), uncertain + drive_sd * rng.standard_normal())
            spread = np.exp(0.7 * np.repeat(rng.standard_normal(n // 20 + 1), 20)[:n])
            warmth = np.empty(n)
            level = 0.0
            for t in range(n):
                level = 0.7 * level + spread[t] * rng.standard_normal()
                warmth[t] = level
            warmth = (warmth - warmth.mean()) / warmth.std()
            expected, usual = 0.0, np.abs(warmth).mean()
            size, now = usual, 0.0
            seen = rng.random(n) >= missing
            for t in range(n):
                day, beep = divmod(t, 6)
                rows.append((dyad, who, day, beep, warmth[t] if seen[t] else np.nan, now))
                if seen[t]:
                    error = warmth[t] - expected
                    expected += min(1.0, rate * size / usual) * error
                    size += 0.3 * (abs(error) - size)
                    drive = mine[0] * error + mine[1] * size
                else:
                    drive = 0.0
                now = 0.3 * now + 0.4 * (warmth[t] if seen[t] else 0.0) + 0.1 * beep + drive + rng.standard_normal()
    frame = pd.DataFrame(rows, columns=["dyad", "who", "day", "beep", "warmth", "longing"])
    return rd.DyadPanel(frame, dyad="dyad", person="who", role="who", day="day", beep="beep")


@pytest.fixture(scope="module")
def fit():
    panel = planted(1)
    return rd.cycles.learning(panel, warmth="warmth", response="longing", models=MODELS, n_recovery=2, seed=1)


def spread_of_response(seed):
    frame = planted(seed).frame
    return float(frame.groupby(["dyad", "who"])["longing"].std(ddof=0).mean())


def small(seed=3, **options):
    return planted(seed, n_dyads=4, n=60, **options)


def sample_from(panel):
    from reldyn.cycles.learning_models._learning import sample_of
    from reldyn.cycles.series._directions import CycleColumns, build_series

    return sample_of(build_series(panel, CycleColumns("warmth", "longing")))[0]


def test_the_planted_population_is_recovered(fit):
    assert fit.best.model == "pearce-hall"
    rows = fit.tidy().set_index("term")
    rate = rows.loc["learning rate (pearce-hall)"]
    assert rate["conf_low"] < RATE < rate["conf_high"]
    assert rate["estimate"] == pytest.approx(RATE, abs=0.06)
    sd = spread_of_response(1)
    for term, truth in (("prediction error", SURPRISE), ("uncertainty", UNCERTAIN)):
        found = rows.loc[f"{term} (pearce-hall)"]
        assert found["estimate"] * sd == pytest.approx(truth, abs=0.1)
        assert found["p_value"] < 1e-6
    assert fit.best.common == 0.3


def test_rates_come_with_their_population_and_their_recovery(fit):
    rates = fit.rates()
    assert len(rates) == 2 * 60
    assert {"population", "population_low", "population_high", "recovery", "interpretable"} <= set(rates)
    own = rates[rates["model"] == "pearce-hall"]
    assert ((own["conf_low"] < own["rate"]) & (own["rate"] < own["conf_high"])).all()
    report = fit.parameter_recovery().set_index("model")
    assert report.loc["pearce-hall", "correlation"] > 0.5
    assert 0.85 < report.loc["pearce-hall", "coverage"] <= 1
    assert abs(report.loc["pearce-hall", "bias"]) < 0.05
    again = fit.model_recovery().set_index("truth")
    assert np.allclose(again.sum(axis=1), 1)
    assert again.loc["none", "none"] == 1
    assert again.loc["pearce-hall", "pearce-hall"] == 1


def test_a_result_survives_json_and_speaks_of_series(fit):
    again = from_json(fit.to_json(rows=True))
    pd.testing.assert_frame_equal(again.tidy(), fit.tidy())
    pd.testing.assert_frame_equal(again.rates(), fit.rates())
    assert again.summary() == fit.summary()
    text = fit.summary() + fit._repr_html_()
    assert "lowest BIC for pearce-hall" in text
    assert "They describe the series" in text
    assert "Recovery: 2 samples per model" in text
    assert FORBIDDEN.search(text) is None


def test_where_nothing_is_learned_drives_have_no_p_value_and_the_result_says_so():
    fit = rd.cycles.learning(
        small(uncertain=0.0, surprise=0.0, drive_sd=0.0),
        warmth="warmth",
        response="longing",
        n_recovery=1,
        seed=2,
        models=("none", "rescorla-wagner"),
    )
    assert fit.best.model == "none"
    assert fit.tidy()["p_value"].isna().all() and fit.tidy()["statistic"].isna().all()
    assert np.isfinite(fit.tidy()[["estimate", "std_error"]].to_numpy()).all()
    note = (
        "the model without learning has the lowest BIC: rates, drives and intervals of the others belong to "
        "models that these answers do not ask for"
    )
    assert note in fit.warnings
    alone = fit.with_parts(fits=fit.fits[1:])
    assert alone.tidy()["p_value"].notna().sum() == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_response_that_learns_nothing_keeps_the_model_without_learning(seed):
    sample = sample_from(planted(seed, n_dyads=12, n=150, surprise=0.0, uncertain=0.0, drive_sd=0.0))
    fits = [fit_model(sample, model, errors=False) for model in MODELS]
    assert min(fits, key=lambda one: one.bic).model == "none"


def test_numbers_depend_on_the_seed_and_not_on_the_workers():
    panel = small()
    options = {"warmth": "warmth", "response": "longing", "models": ("none", "rescorla-wagner"), "n_recovery": 2}
    alone = rd.cycles.learning(panel, **options, seed=5)
    together = rd.cycles.learning(panel, **options, seed=5, n_jobs=2)
    assert alone.to_json() == together.to_json()
    other = rd.cycles.learning(panel, **options, seed=6)
    assert other.tidy().equals(alone.tidy())
    assert not other.parameter_recovery().equals(alone.parameter_recovery())


def test_poor_recovery_forbids_to_interpret_rates():
    fit = rd.cycles.learning(
        small(uncertain=0.0, surprise=0.0),
        warmth="warmth",
        response="longing",
        n_recovery=2,
        seed=2,
        models=("none", "rescorla-wagner"),
    )
    assert any("the learning rate of a direction must not be interpreted" in note for note in fit.warnings)
    assert "must not be interpreted" in " ".join(fit.summary().split())
    assert not fit.rates()["interpretable"].any()
    assert "4 dyads are few for a population, below 20" in fit.warnings


def test_marginal_likelihoods_are_those_of_the_dense_gaussian():
    sample = sample_from(small())
    evidence = gather(sample, "pearce-hall", 0.3)
    state = dataclasses.replace(_start(evidence, -1.0), spread=0.8, drive=np.array([0.2, -0.1]))
    found = _expect(evidence, state).log_marginal[0]
    pair = sample.pair[0]
    shared = np.column_stack([sample.response[0, :-1][pair], sample.fixed[0][pair]])
    left, size, _ = np.linalg.svd(shared)
    beside = left[:, (size > 1e-6).sum() :]
    rate = 1 / (1 + np.exp(-GRID))
    columns = drives(sample.warmth[:1], rate[None], "pearce-hall", 0.3)[0, :-1][pair]
    prior = np.exp(-0.5 * ((GRID + 1.0) / 0.8) ** 2)
    total = 0.0
    from scipy.stats import multivariate_normal

    for place, weight in enumerate(prior / prior.sum()):
        z = beside.T @ columns[:, place]
        covariance = state.variance[0] * np.eye(len(z)) + z @ np.diag(state.drive_variance) @ z.T
        after = beside.T @ sample.response[0, 1:][pair]
        total += weight * multivariate_normal(z @ state.drive, covariance).pdf(after)
    assert found == pytest.approx(np.log(total), abs=1e-8)


def test_learners_whose_gain_stands_still_are_the_one_of_rescorla_and_wagner():
    warmth = np.random.default_rng(1).standard_normal((2, 50))
    warmth[0, 10:14] = np.nan
    rate = np.array([[0.2, 0.6], [0.2, 0.6]])
    plain = drives(warmth, rate, "rescorla-wagner", 0.0)[..., 0]
    assert np.allclose(drives(warmth, rate, "volatile-kalman", 0.0)[..., 0], plain)
    assert np.allclose(drives(warmth, rate, "pearce-hall", 0.0)[..., 0], plain)


def test_what_is_missing_is_skipped_or_carried_forward():
    found = drives(np.array([[1.0, np.nan, np.nan, 1.0]]), np.array([[0.5]]), "pearce-hall", 0.3)[0, :, 0]
    assert found[1:3, 0].tolist() == [0.0, 0.0]
    assert found[1, 1] == found[2, 1] == found[0, 1]
    assert found[3, 0] == 0.5
    sample = sample_from(small())
    assert isinstance(sample, Sample)
    assert not sample.pair[:, 5::6].any()
    assert np.isfinite(sample.warmth[:, :-1][sample.pair]).all()


def test_too_little_is_refused_and_odd_directions_are_named():
    panel = planted(3, n_dyads=3, n=60)
    frame = panel.frame
    frame.loc[(frame["dyad"] == 0) & (frame["who"] == "a"), "longing"] = 3.0
    odd = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", day="day", beep="beep")
    fit = rd.cycles.learning(odd, warmth="warmth", response="longing", models=["rescorla-wagner"], n_recovery=1, seed=1)
    rates = fit.rates()
    assert rates.loc[rates["note"] != "", ["dyad", "giver", "note"]].to_numpy().tolist() == [
        [0, "b", "warmth or response never varies"]
    ]
    assert np.isnan(rates.loc[rates["note"] != "", "rate"]).all()
    assert "1 of 6 directions could not be used: see the notes of rates()" in fit.warnings
    with pytest.raises(DataError, match="0 directions of 'warmth' and 'longing' can be used, fewer than 4"):
        rd.cycles.learning(planted(1, n_dyads=2, n=12), warmth="warmth", response="longing", seed=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_recovery": 0}, "n_recovery=0: give a whole number from 1; no rate is reported without"),
        ({"models": ()}, "name each of none, rescorla-wagner, pearce-hall, volatile-kalman at most once"),
        ({"models": ("pearce",)}, "models"),
    ],
)
def test_wrong_options_are_named(wrong, message):
    with pytest.raises(DesignError, match=re.escape(message)):
        rd.cycles.learning(small(), warmth="warmth", response="longing", **wrong)
