"""Estimation: against hmmlearn, against a direct climb, monotone, honest about degenerate states."""

import json
import warnings

import numpy as np
import pytest

from reldyn.errors import ConvergenceWarning, DataWarning, DesignError
from reldyn.markov import HMMResult, decode, fit_hmm, hmm_log_likelihood
from reldyn.markov.hmm._direct import maximise_likelihood
from reldyn.markov.hmm._em import expect, maximise, prepare, run_em
from reldyn.markov.hmm._parameters import Design
from reldyn.markov.hmm._problem import build_problem
from reldyn.markov.hmm._starts import starting_points
from reldyn.results import from_json

MEANS = np.array([[-1.5, 0.5], [1.2, -0.8]])
LAW = np.array([[0.9, 0.1], [0.15, 0.85]])


def sample(n_series=5, n_occasions=70, missing=0.0, phi=0.0, seed=3, skewed=False):
    rng = np.random.default_rng(seed)
    series = []
    for _ in range(n_series):
        state, y, rows = 0, np.zeros(2), []
        for _ in range(n_occasions):
            state = rng.choice(2, p=LAW[state])
            shock = rng.normal(size=2)
            if skewed:
                shock = 0.6 * shock + (rng.gamma(2.0) - 2.0) * np.array([1.0, 0.7])
            y = MEANS[state] * (1.0 - phi) + phi * y + shock
            rows.append(y)
        part = np.array(rows)
        part[rng.random(part.shape) < missing] = np.nan
        series.append(part)
    return series


def rated(series):
    return [np.clip(np.round(1.2 * part + 4.0), 1.0, 7.0) for part in series]


def work_of(series, design, **options):
    problem = build_problem(
        series,
        lags=options.get("lags", 0),
        covariates=options.get("covariates"),
        lag_kinds=None,
        ordered=design.emission == "ordered-probit",
    )
    return prepare(problem, design)


@pytest.mark.parametrize("covariance", ["shared", "separate"])
@pytest.mark.parametrize("kernels", ["numpy", "numba"])
def test_hmmlearn_gets_there_by_the_same_steps(covariance, kernels, monkeypatch):
    hmm = pytest.importorskip("hmmlearn.hmm")
    if kernels == "numba":
        pytest.importorskip("numba")
    monkeypatch.setenv("RELDYN_KERNELS", kernels)
    series = sample()
    start = {
        "initial": np.array([0.5, 0.5]),
        "transition": np.array([[0.7, 0.3], [0.4, 0.6]]),
        "means": np.array([[-0.5, 0.0], [0.5, 0.2]]),
        "covariances": np.tile(np.eye(2), (2, 1, 1)),
    }
    theirs = hmm.GaussianHMM(
        2,
        covariance_type={"shared": "tied", "separate": "full"}[covariance],
        n_iter=12,
        tol=-np.inf,
        init_params="",
        min_covar=0.0,
        startprob_prior=1.0,
        transmat_prior=1.0,
        means_weight=0.0,
        covars_prior=0.0,
        covars_weight=0.0,
    )
    theirs.startprob_, theirs.transmat_, theirs.means_ = start["initial"], start["transition"], start["means"]
    theirs.covars_ = np.eye(2) if covariance == "shared" else start["covariances"]
    stacked, lengths = np.concatenate(series), [len(part) for part in series]
    theirs.fit(stacked, lengths)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours = fit_hmm(series, n_states=2, covariance=covariance, start=start, max_iter=12, tol=-1.0)
    assert ours.log_likelihood == pytest.approx(theirs.score(stacked, lengths), rel=1e-10)
    order = np.argsort(theirs.means_[:, 0])
    np.testing.assert_allclose(ours.means, theirs.means_[order], rtol=1e-8)
    np.testing.assert_allclose(ours.transition, theirs.transmat_[order][:, order], rtol=1e-8)
    expected = np.broadcast_to(theirs.covars_, (2, 2, 2))[order]
    np.testing.assert_allclose(ours.covariances, expected, rtol=1e-8)


MODELS = [
    {"emission": "gaussian", "covariance": "shared"},
    {"emission": "gaussian", "covariance": "separate"},
    {"emission": "skew-t", "covariance": "shared"},
    {"emission": "skew-t", "covariance": "separate"},
    {"emission": "ordered-probit"},
    {"emission": "gaussian", "covariance": "separate", "duration": "negative-binomial"},
]


@pytest.mark.parametrize("options", [{}, {"lags": 1, "covariates": True}], ids=["plain", "lags"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: "-".join(model.values()))
def test_no_step_lowers_the_likelihood(model, options):
    series = sample(n_series=3, n_occasions=40, missing=0.0 if options else 0.2, phi=0.3 if options else 0.0)
    rng = np.random.default_rng(4)
    covariates = [rng.normal(size=(40, 1)) for _ in series] if options else None
    if model["emission"] == "ordered-probit":
        series = rated(series)
    work = work_of(series, Design(2, **model), lags=options.get("lags", 0), covariates=covariates)
    current, trace = starting_points(work, 3, np.random.SeedSequence(1)), []
    for _ in range(25):
        expected, regressors = expect(work, current)
        trace.append(expected.log_likelihood.sum(1))
        current = maximise(work, current, expected, regressors)
    steps = np.diff(np.array(trace), axis=0)
    assert steps.min() > -1e-7
    assert (trace[-1] > trace[0] + 1.0).all()


@pytest.mark.parametrize(
    "model",
    [MODELS[0], MODELS[1], MODELS[4], MODELS[5]],
    ids=lambda model: "-".join(model.values()),
)
def test_em_and_the_direct_climb_agree(model):
    series = sample(n_series=4, n_occasions=50, missing=0.15)
    if model["emission"] == "ordered-probit":
        series = rated(series)
    work = work_of(series, Design(2, **model))
    start = starting_points(work, 1, np.random.SeedSequence(5))
    by_em = run_em(work, start, max_iter=800, tol=1e-12)
    directly = maximise_likelihood(work, start, max_iter=500)
    assert by_em.log_likelihood[0] == pytest.approx(directly.log_likelihood, abs=2e-4)


def test_skewed_innovations_are_found_and_em_agrees_with_the_direct_climb():
    series = sample(n_series=6, n_occasions=50, skewed=True)
    work = work_of(series, Design(2, "skew-t"))
    ended = run_em(work, starting_points(work, 1, np.random.SeedSequence(5)), max_iter=800, tol=1e-12)
    directly = maximise_likelihood(work, ended.parameters, max_iter=200)
    assert ended.log_likelihood[0] == pytest.approx(directly.log_likelihood, abs=2e-3)
    fit = fit_hmm(series, n_states=2, emission="skew-t", n_starts=8, seed=1)
    assert (fit.skewness > 0.5).all()
    assert fit.log_likelihood > fit_hmm(series, n_states=2, n_starts=8, seed=1).log_likelihood + 15.0


def test_recovers_what_was_planted():
    series = sample(n_series=20, n_occasions=80, missing=0.2, phi=0.3, seed=8)
    fit = fit_hmm(series, n_states=2, lags=1, n_starts=2, seed=2)
    np.testing.assert_allclose(fit.lag_coefficients[0, 0], 0.3 * np.eye(2), atol=0.06)
    expected = MEANS * 0.7 + 0.3 * fit.lag_centre
    np.testing.assert_allclose(fit.means, expected, atol=0.15)
    np.testing.assert_allclose(fit.transition, LAW, atol=0.04)
    np.testing.assert_allclose(fit.covariances[0], np.eye(2), atol=0.1)


def test_one_state_is_the_regression():
    series = sample(n_series=2, n_occasions=50, phi=0.4)
    fit = fit_hmm(series, n_states=1, lags=1)
    y = np.concatenate([part[1:] for part in series])
    z = np.column_stack([np.ones(len(y)), np.concatenate([part[:-1] for part in series]) - fit.lag_centre])
    slopes = np.linalg.lstsq(z, y, rcond=None)[0]
    np.testing.assert_allclose(fit.lag_coefficients[0, 0], slopes[1:].T, atol=1e-8)
    np.testing.assert_allclose(fit.means[0], slopes[0], atol=1e-8)
    residual = y - z @ slopes
    np.testing.assert_allclose(fit.covariances[0], residual.T @ residual / len(y), atol=1e-8)


def test_negative_binomial_sojourns_tell_regular_from_geometric():
    rng = np.random.default_rng(0)
    series = []
    for _ in range(6):
        level = np.concatenate([np.full(rng.integers(5, 8), 3.0 * (visit % 2)) for visit in range(20)])
        series.append(level[:, None] + rng.normal(size=(len(level), 1)))
    fit = fit_hmm(series, n_states=2, duration="negative-binomial", n_starts=4, seed=1)
    np.testing.assert_allclose(fit.duration_mean, 6.0, atol=0.5)
    assert (fit.duration_size > 10.0).all()
    assert fit.log_likelihood > fit_hmm(series, n_states=2, n_starts=4, seed=1).log_likelihood + 20.0


def test_one_seed_one_result_and_the_first_starts_stay():
    series = sample(n_series=2, n_occasions=40)
    first, again = (fit_hmm(series, n_states=2, n_starts=6, seed=11) for _ in range(2))
    assert first.to_json() == again.to_json()
    more = fit_hmm(series, n_states=2, n_starts=9, seed=11)
    np.testing.assert_allclose(more.optima[:6], first.optima, rtol=1e-12)
    drawn = fit_hmm(series, n_states=2, n_starts=3)
    assert drawn.seed is not None
    np.testing.assert_array_equal(fit_hmm(series, n_states=2, n_starts=3, seed=drawn.seed).optima, drawn.optima)


def test_the_order_of_series_does_not_matter_and_states_are_in_order():
    series = sample(n_series=3, n_occasions=[40, 60, 50][0], missing=0.1)
    there = fit_hmm(series, n_states=2, n_starts=4, seed=1)
    back = fit_hmm(series[::-1], n_states=2, n_starts=4, seed=1)
    assert back.log_likelihood == pytest.approx(there.log_likelihood, abs=1e-3)
    assert (np.diff(there.means[:, 0]) > 0).all()
    assert [part.shape for part in there.posterior] == [(40, 2)] * 3
    np.testing.assert_allclose(np.concatenate(there.posterior).sum(1), 1.0, atol=1e-12)


@pytest.mark.parametrize("emission", ["gaussian", "skew-t", "ordered-probit"])
def test_a_result_starts_where_it_ended(emission):
    series = sample(n_series=3, n_occasions=50, missing=0.1)
    series = rated(series) if emission == "ordered-probit" else series
    fit = fit_hmm(series, n_states=2, emission=emission, n_starts=3, seed=1)
    assert hmm_log_likelihood(series, fit).sum() == pytest.approx(fit.log_likelihood, abs=1e-8)
    again = fit_hmm(series, n_states=2, emission=emission, start=fit, max_iter=5, tol=1e-3)
    assert again.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-3)
    assert len(again.optima) == 1
    assert again.seed is None


def test_json_brings_the_result_back():
    fit = fit_hmm(rated(sample(n_series=2)), n_states=2, emission="ordered-probit", n_starts=3, seed=1)
    back = from_json(fit.to_json(rows=True))
    assert isinstance(back, HMMResult)
    np.testing.assert_array_equal(back.posterior[1], fit.posterior[1])
    assert back.tidy().equals(fit.tidy())
    assert json.loads(fit.to_json())["schema"] == "HMMResult"


def test_the_table_the_glance_and_the_text():
    fit = fit_hmm(sample(), n_states=2, covariance="separate", lags=1, n_starts=4, seed=1)
    table = fit.tidy()
    assert table["term"].is_unique
    assert fit.n_parameters == len(table) - 1 - 2  # shares sum to one: the first and each row
    glance = fit.glance().iloc[0]
    assert glance["bic"] == pytest.approx(-2 * fit.log_likelihood + fit.n_parameters * np.log(5 * 69))
    assert glance["n_starts"] == 4
    assert fit.summary().startswith("Hidden Markov model: 2 states, Gaussian emissions, 5 series, 345 occasions")
    assert "no evidence of states" in " ".join(fit.summary().split())
    assert "<table" in fit._repr_html_()


def test_a_fit_that_did_not_settle_says_so():
    with pytest.warns(ConvergenceWarning, match="did not settle"):
        fit = fit_hmm(sample(), n_states=2, n_starts=1, max_iter=2, seed=1)
    assert not fit.converged
    assert not fit.glance()["converged"].iloc[0]
    assert "NOT CONVERGED" in " ".join(fit.summary().split())


def test_a_collapse_onto_tied_answers_stops_at_the_floor_and_is_named():
    rng = np.random.default_rng(5)
    y = np.round(rng.normal(size=(150, 1)) * 2.0)
    y[rng.random(150) < 0.4] = 0.0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = fit_hmm([y], n_states=2, covariance="separate", n_starts=8, seed=1)
    assert fit.covariances.min() == pytest.approx(1.0 / 12.0, rel=1e-6)
    assert any("floor of the variance, mostly of channel 0" in note for note in fit.warnings)
    assert [str(item.message) for item in caught] == [f"fit_hmm: {note}" for note in fit.warnings]
    assert {item.category for item in caught} == {DataWarning}


def test_decoding_finds_the_best_of_all_paths():
    import itertools

    series = [part[:9] for part in sample(n_series=3, missing=0.2)]
    fit = fit_hmm(sample(), n_states=2, n_starts=3, seed=1)
    for part, path in zip(series, decode(series, fit), strict=True):
        best, value = None, -np.inf
        for trial in itertools.product(range(2), repeat=9):
            dense = np.log(fit.initial[trial[0]])
            for t, state in enumerate(trial):
                seen = ~np.isnan(part[t])
                residual, cover = (part[t] - fit.means[state])[seen], fit.covariances[state][np.ix_(seen, seen)]
                if seen.any():
                    dense -= 0.5 * (residual @ np.linalg.solve(cover, residual) + np.linalg.slogdet(cover)[1])
                    dense -= 0.5 * seen.sum() * np.log(2 * np.pi)
                dense += np.log(fit.transition[trial[t - 1], state]) if t else 0.0
            if dense > value:
                best, value = trial, dense
        assert path.tolist() == list(best)


def test_decoding_of_sojourns_agrees_with_the_chain_where_they_are_geometric():
    series = sample(n_series=2, missing=0.1)
    plain = fit_hmm(series, n_states=2, n_starts=3, seed=1)
    semi = plain.with_parts(
        duration="negative-binomial",
        transition=1.0 - np.eye(2),
        duration_mean=1.0 / (1.0 - np.diag(plain.transition)),
        duration_size=np.ones(2),
    )
    for one, other in zip(decode(series, plain), decode(series, semi), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def dial(shared_data):
    return np.genfromtxt(shared_data / "berkhout_dial_couple23_wide.csv", delimiter=",", skip_header=1)


@pytest.fixture(scope="module")
def published(shared_data):
    return json.loads((shared_data / "published.json").read_text(encoding="utf-8"))["berkhout_couple23_hmm2"]


@pytest.fixture(scope="module")
def dial_fit(dial):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return fit_hmm([dial], n_states=2, covariance="separate", seed=1)


@pytest.mark.shared_data
def test_couple_23_the_best_optimum_lies_89_units_above_the_published_one(dial_fit, published):
    assert dial_fit.optima.max() + 0.5 * published["minus2_log_likelihood_at_published_parameters"] > 89.0
    assert dial_fit.optima.max() + 0.5 * published["published_minus2_log_likelihood"] > 89.0


@pytest.mark.shared_data
def test_couple_23_the_regime_in_which_the_dial_stands_still_is_named(dial_fit):
    still = "State 1 (36% of occasions) is where channel 1 stands still: its mean squared change there is 2.2% of"
    assert any(note.startswith(still) for note in dial_fit.warnings)


@pytest.mark.shared_data
def test_couple_23_the_published_solution_is_a_local_optimum(dial, dial_fit, published):
    stay = np.array(published["published_stay_probabilities"])
    start = {
        "initial": [0.5, 0.5],
        "transition": np.array([[stay[0], 1 - stay[0]], [1 - stay[1], stay[1]]]),
        "means": np.array(published["published_means"]),
        "covariances": np.tile(np.cov(dial.T), (2, 1, 1)) / 2,
    }
    nearby = fit_hmm([dial], n_states=2, covariance="separate", start=start)
    assert nearby.log_likelihood < dial_fit.log_likelihood - 80.0


@pytest.mark.shared_data
def test_couple_23_the_published_value_is_bracketed(dial, published):
    """The published covariances are not stored: the best ones lie between the printed and the evaluated value."""
    from scipy.optimize import minimize

    stay = np.array(published["published_stay_probabilities"])
    law = {
        "initial": [0.5, 0.5],
        "transition": np.array([[stay[0], 1 - stay[0]], [1 - stay[1], stay[1]]]),
        "means": np.array(published["published_means"]),
    }

    def deviance(free):
        roots = np.zeros((2, 2, 2))
        roots[:, [0, 1], [0, 1]], roots[:, 1, 0] = np.exp(free[:, :2]), free[:, 2]
        return -2.0 * hmm_log_likelihood([dial], {**law, "covariances": roots @ roots.swapaxes(1, 2)}).sum()

    begin = np.tile([-0.5, -0.3, 0.0], 2)
    best = minimize(lambda free: deviance(free.reshape(2, 3)), begin, method="BFGS", options={"gtol": 1e-3})
    evaluated = published["minus2_log_likelihood_at_published_parameters"]
    assert published["published_minus2_log_likelihood"] < best.fun < evaluated
    assert best.fun == pytest.approx(988.0997, abs=1e-3)


@pytest.mark.parametrize(
    ("series", "options", "message"),
    [
        ([], {}, "series is empty: give at least one array (occasions, channels)."),
        ([np.zeros((1, 2))], {}, "series[0] has 1 occasion(s): transitions need at least 2."),
        ([np.full((5, 1), np.nan)], {}, "series[0] holds no answer at all: leave it out."),
        (
            [np.array([[1.0, np.nan], [2.0, np.nan]])],
            {},
            "channel 1 is missing in every series: leave it out.",
        ),
        ([np.ones((9, 1))], {}, "channel 0 is constant at 1: it carries no states, leave it out."),
        ([np.arange(3.0)[:, None]], {}, "channel 0 has fewer than 4 answers in all: nothing can be estimated."),
        (
            [np.arange(12.0)[:, None]],
            {"n_states": 4},
            "4 states have 20 parameters, but there are 12 answers: use fewer states.",
        ),
        ([np.arange(12.0)[:, None]], {"n_states": 0}, "n_states=0 must be an integer of at least 1."),
        (
            [np.arange(12.0)[:, None]],
            {"emission": "gausian"},
            "emission='gausian' is not known; allowed: 'gaussian', 'skew-t', 'ordered-probit'. "
            "Did you mean 'gaussian'?",
        ),
        (
            [np.arange(12.0)[:, None]],
            {"emission": "ordered-probit", "covariance": "separate"},
            "covariance='separate' does not go with ordered-probit: its latent variance is 1 everywhere.",
        ),
        (
            [np.arange(12.0)[:, None]],
            {"start": {"mean": 1.0}},
            "start names 'mean'; known: initial, transition, means, covariances, lag_coefficients, lag_centre, "
            "covariate_coefficients, skewness, df, thresholds, duration_mean, duration_size, categories.",
        ),
        (
            np.arange(12.0),
            {},
            "series must be a list of arrays (occasions, channels): put one array into a list.",
        ),
        (
            [np.arange(12.0)[:, None]],
            {"covariates": [np.ones((11, 1))]},
            "covariates must have the occasions of series: one array (occasions, covariates) for each.",
        ),
        (
            [np.arange(12.0)[:, None]],
            {"covariates": [np.ones((12, 1))]},
            "a covariate is constant over all answered occasions: the state means already hold it.",
        ),
        (None, {}, "series=None must be a list of arrays (occasions, channels), one for each series."),
        ([np.arange(12.0) + 1j], {}, "series[0] does not hold numbers: give arrays of floats."),
        (
            [np.arange("2026-01-01", "2026-01-13", dtype="datetime64[D]")],
            {},
            "series[0] does not hold numbers: give arrays of floats.",
        ),
        (
            [3.3 * (1 + 1e-15 * np.arange(12.0))],
            {},
            "channel 0 is constant at 3.3: it carries no states, leave it out.",
        ),
        ([np.arange(12.0)], {"tol": "fine"}, "tol='fine' must be a finite number."),
        ([np.arange(12.0)], {"seed": -1}, "seed=-1 is negative: give a whole number of at least 0."),
        (
            [np.arange(12.0)],
            {"lag_kinds": 3},
            "lag_kinds=3 must be a list of arrays (occasions,), one for each series.",
        ),
        (
            [np.arange(12.0)],
            {"start": {"means": "low"}},
            "start['means'] does not hold numbers in the shape of an array.",
        ),
        (
            [np.arange(12.0)],
            {"duration": "negative-binomial", "start": {"duration_mean": [0.5, 2.0]}},
            "start['duration_mean'] must be above 1 occasion in every state.",
        ),
        (
            [np.arange(12.0)],
            {"duration": "negative-binomial", "start": {"duration_size": [1.0, 0.0]}},
            "start['duration_size'] must be above 0 in every state.",
        ),
        (
            [np.arange(12.0)],
            {"duration": "negative-binomial", "start": {"transition": [[0.5, 0.5], [1.0, 0.0]]}},
            "start['transition'] must have zeros on the diagonal: with durations it says which other state follows a "
            "visit.",
        ),
    ],
)
def test_what_cannot_be_estimated_is_refused(series, options, message):
    with pytest.raises(DesignError) as caught:
        fit_hmm(series, **{"n_states": 2, "n_starts": 2, **options})
    assert str(caught.value) == message


def test_a_fit_is_not_applied_to_other_columns():
    series, trend = sample(), [np.arange(70.0)[:, None]] * 5
    fit = fit_hmm(series, n_states=2, n_starts=2, covariates=trend, seed=1)
    assert hmm_log_likelihood(series, fit, covariates=trend).sum() == pytest.approx(fit.log_likelihood)
    for apply in (decode, hmm_log_likelihood):
        with pytest.raises(DesignError, match="covariates: 0 columns, but the fit has 1: give the same as to the fit"):
            apply(series, fit)
        with pytest.raises(DesignError, match="series: 1 channel, but the fit has 2: give the same as to the fit"):
            apply([part[:, :1] for part in series], fit, covariates=trend)
    with pytest.raises(DesignError, match="fit must be an HMMResult, as fit_hmm returns it"):
        decode(series, 3)
    with pytest.raises(DesignError, match=r"^parameters\['covariances'\] has shape \(3, 3\)"):
        hmm_log_likelihood(series, {"means": MEANS, "covariances": np.eye(3)})


def test_states_that_start_alike_are_said_to_be_one():
    with pytest.warns(DataWarning, match="States 0 and 1 are one and the same"):
        fit = fit_hmm(sample(), n_states=2, start={"initial": [0.5, 0.5]})
    one = fit_hmm(sample(), n_states=1, seed=1)
    assert fit.log_likelihood == pytest.approx(one.log_likelihood)
    assert "one and the same" in fit.summary()
    assert "Hidden Markov model: 1 state, " in one.summary()
    assert "reached from one start." in one.summary()
