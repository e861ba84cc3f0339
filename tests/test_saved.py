"""What a saved result holds: no row and no id unless asked for, in every result there is."""

import importlib
import inspect
import json
import re
import warnings

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.results import TableResult, homes

N_DYADS, N_DAYS = 12, 42
ITEMS, JUDGED = ("i1", "i2", "i3", "i4"), ("j1", "j2", "j3", "j4")
few = rd.coupling.Surrogates("circular-shift", n=19)
z = rd.Estimation(inference="z")
phases = {"outcome": "y", "phase": "phase"}


def diary(ids, roles=True, n_dyads=N_DYADS, n_days=N_DAYS):
    """Partners with ids that stand nowhere else, and answers that are all different."""
    rng = np.random.default_rng(7)
    dyad, who, time = (part.ravel() for part in np.indices((n_dyads, 2, n_days)))
    # Ids in an order that is not that of the dyads in the file.
    place = rng.permutation(n_dyads)[dyad]
    if ids == "text":
        frame = pd.DataFrame({"couple": [f"Zq7-fam.{k:02d}" for k in place], "day": time})
        frame["who"] = [f"Zq7 Ann {k:02d}/{w}" for k, w in zip(place, who, strict=True)]
    else:
        frame = pd.DataFrame({"couple": 904_170 + 13 * place, "day": time})
        frame["who"] = 7_204_011 + 17 * (2 * place + who)
    frame["role"] = np.where(who == 0, "wife", "man")
    shared = rng.standard_normal((n_dyads, 1, n_days)) + rng.standard_normal((n_dyads, 2, 1))
    common = (shared + 0.3 * rng.standard_normal((n_dyads, 2, n_days))).ravel()
    frame["x"] = common + rng.standard_normal(len(frame))
    other = frame["x"].to_numpy().reshape(n_dyads, 2, n_days)[:, ::-1].ravel()
    frame["y"] = 0.5 * frame["x"] + 0.3 * other + rng.standard_normal(len(frame))
    for name in (*ITEMS, *JUDGED, "mediator"):
        frame[name] = 0.5 * frame["y"] + rng.standard_normal(len(frame))
    frame["warmth"] = 3 + np.round(2 * np.sin(time / 3 + who)) + rng.integers(0, 2, len(frame))
    frame["longing"] = 0.5 * frame["warmth"] + rng.standard_normal(len(frame))
    # Both partners' values are one variable of the couple, seen twice.
    frame["fate"] = common
    frame["happy"] = (frame["y"] > 0).astype(int)
    frame["phase"] = np.where(time < 12 + 2 * (dyad % 5), "A", "B")
    frame["event"] = (time % 9 == 5).astype(int)
    named = {"role": "role"} if roles else {}
    return rd.DyadPanel(frame, dyad="couple", person="who", day="day", **named)


def some(panel, n):
    return panel.select(dyads=panel.index.dyad_labels[:n])


def once(panel):
    return panel.select(where=lambda rows: rows["day"] == 0)


def days_as_dyads(panel):
    """Three days of each dyad as three dyads: enough for models of many variables."""
    rows = panel.frame.query("day < 3").reset_index(drop=True)
    label = rows["couple"].astype(str) + "/" + rows["day"].astype(str)
    rows = rows.assign(couple=label, who=rows["who"].astype(str) + "/" + rows["day"].astype(str)).drop(columns="day")
    noise = np.random.default_rng(2).standard_normal((len(rows), 3))
    rows[["x1", "x2", "x3"]] = rows[["x"]].to_numpy() + 0.7 * noise
    return rd.DyadPanel(rows, dyad="couple", person="who", role="role" if panel.roles else None)


def moderated(p):
    return rd.apim(once(p), outcome="y", predictors=["x"], interaction="product", estimation=z)


def series(p):
    values = p.values("y").reshape(-1, N_DAYS, 1)
    return list(values[:8])


ap = rd.actor_partner
MAKE = {
    "ApimResult": lambda p: rd.apim(p, outcome="y", predictors=["x"], estimation=z),
    "ApimResult, random": lambda p: rd.apim(p, outcome="y", predictors=["x"], random=["intercept"], estimation=z),
    "ApimResult, bootstrap": lambda p: rd.apim(
        once(p), outcome="y", predictors=["x"], estimation=rd.Estimation(inference="dyad-bootstrap", n_boot=99, seed=1)
    ),
    "ApimResult, imputed": lambda p: rd.apim(
        p._with_columns({"x": p.frame["x"].where(p.frame["day"] % 7 != 3)}),
        outcome="y",
        predictors=["x"],
        estimation=rd.Estimation(missing="impute", seed=1),
    ),
    "ApimResult, modelled": lambda p: rd.apim(
        once(p)._with_columns({"x": once(p).frame["x"].where(np.arange(2 * N_DYADS) % 9 != 3)}),
        outcome="y",
        predictors=["x"],
        estimation=rd.Estimation(method="ml", missing="model"),
    ),
    "MixedResult": lambda p: rd.mixed_model(p, outcome="y", fixed=["x"], random=["intercept"], estimation=z),
    "MarginalApimResult": lambda p: rd.apim(p, outcome="happy", predictors=["x"], family="binomial"),
    "ComparisonResult": lambda p: rd.distinguishability(p, outcome="y", predictors=["x"]),
    "ApimMomentsResult": lambda p: ap.apim_sem(once(p), outcome="y", predictors="x"),
    "CommonFateResult": lambda p: ap.common_fate(once(p), outcome="y", predictor="fate", least_icc=0.0),
    "EffectSizes": lambda p: ap.effect_sizes(rd.apim(once(p), outcome="y", predictors=["x"], estimation=z)),
    "FactorResult": lambda p: ap.factor_model(once(p), ITEMS),
    "InvarianceResult": lambda p: ap.measurement_invariance(once(p), ITEMS),
    "IsatResult": lambda p: ap.isat(once(p), ["x", "y"]),
    "LatentApimResult": lambda p: ap.latent_apim(
        days_as_dyads(p), outcome={"Y": ITEMS[:3]}, predictors={"X": ["x1", "x2", "x3"]}
    ),
    "MediationResult": lambda p: ap.mediation(
        once(p), outcome="y", predictor="x", mediator="mediator", interval="delta", seed=1
    ),
    "MutualInfluenceResult": lambda p: ap.mutual_influence(once(p), outcome="y", predictor="x"),
    "NonindependenceResult": lambda p: ap.nonindependence(once(p), ["x", "y"]),
    "OverTimeResult": lambda p: ap.over_time(p, outcome="y"),
    "PooledResult": lambda p: ap.pooled_regression(once(p), outcome="y", predictors="x"),
    "ReparameterisedResult": lambda p: ap.dyadic_score(once(p), outcome="y", predictors="x"),
    "SlopesResult": lambda p: ap.simple_slopes(moderated(p)),
    "SurfaceResult": lambda p: ap.response_surface(p, outcome="y", predictor="x", estimation=z),
    "CorrelationsResult": lambda p: rd.dynamics.correlations(p, ["x", "y"], n_boot=99, seed=1),
    "IccResult": lambda p: rd.dynamics.icc(p, ["x", "y"]),
    "InertiaResult": lambda p: rd.dynamics.inertia(p, "y"),
    "InstabilityResult": lambda p: rd.dynamics.instability(p, "y"),
    "LocationScaleResult": lambda p: rd.dynamics.location_scale(p, "y"),
    "NetworkResult": lambda p: rd.dynamics.network_density(p, ["x", "y"]),
    "ReliabilityResult": lambda p: rd.dynamics.reliability(p, ITEMS, method="reml"),
    "CrossCorrelationResult": lambda p: rd.coupling.cross_correlation(p, "y", surrogate=few, seed=1),
    "RecurrenceResult": lambda p: rd.coupling.recurrence(p, "y", radius=0.5, surrogate=few, seed=1),
    "SusyResult": lambda p: rd.coupling.susy(p, "y", segment=14, max_lag=2, n_surrogates=19, seed=1),
    "WindowedResult": lambda p: rd.coupling.windowed_cross_correlation(
        p, "y", window=14, increment=7, max_lag=2, surrogate=few, seed=1
    ),
    "GridResult": lambda p: rd.coupling.state_space_grid(p, "y", bins=[-0.5, 0.5]),
    "LagSequentialResult": lambda p: rd.coupling.lag_sequential(p, "y", bins=[0.0], n_permutations=19, seed=1),
    "TransitionLogitResult": lambda p: rd.coupling.transition_logit(p, "y", bins=[0.0]),
    "VarResult": lambda p: rd.coupling.var(p, "y"),
    "VarResult, two-step": lambda p: rd.coupling.var(p, "y", pooling="two-step"),
    "AsymmetryResult": lambda p: rd.coupling.asymmetry(some(p, 2), "y", check=not p.roles),
    "InfluenceResult": lambda p: rd.coupling.influence_functions(some(p, 4), "y", n_boot=19, seed=1),
    "LearningResult": lambda p: rd.cycles.learning(
        p, warmth="warmth", response="longing", models=("none", "rescorla-wagner"), n_recovery=2, seed=1
    ),
    "DissociationResult": lambda p: rd.perception.dissociation(p, judgment="x", affect="y", n_boot=99, seed=1),
    "SimilarityResult": lambda p: rd.perception.similarity(p, ITEMS, n_permutations=19, seed=1),
    "SimilarityResult, judged": lambda p: rd.perception.similarity(p, ITEMS, judged=JUDGED, n_permutations=19, seed=1),
    "SimilarityResult, over occasions": lambda p: rd.perception.similarity(
        p, ITEMS, over="occasions", n_permutations=19, seed=1
    ),
    "SocialAccuracyResult": lambda p: rd.perception.social_accuracy(p, items=ITEMS, judged=JUDGED),
    "TruthBiasResult": lambda p: rd.perception.truth_and_bias(p, judgment="y", truth="x", bias="mediator"),
    "EventResponse": lambda p: rd.intervention.event_response(
        p, outcome="y", event="event", n_boot=99, n_surrogates=19, seed=1
    ),
    "Recovery": lambda p: rd.intervention.recovery(p, outcome="y", n_boot=19, seed=1),
    "InterruptedSeries": lambda p: rd.intervention.interrupted_series(some(p, 2), **phases, inference="kenward-roger"),
    "MultipleBaseline": lambda p: rd.intervention.multiple_baseline(p, **phases),
    "GrangerResult": lambda p: rd.coupling.granger(p, "y"),
    "CoordinationResult": lambda p: rd.coupling.inertia_coordination(p, "y"),
    "OscillatorResult": lambda p: rd.coupling.coupled_oscillator(p, "y", method="local-linear"),
    "AffectDynamics": lambda p: rd.affect_dynamics(p, ["x", "y"]),
    "ContactWindows": lambda p: rd.dynamics.contact_windows(p, "happy", window=7),
    "ShrinkageResult": lambda p: rd.dynamics.shrinkage(p, "happy", window=7),
    "AmbivalenceResult": lambda p: rd.perception.ambivalence(p, positive="i1", negative="i2", minimum=-9.0),
    "AmbivalenceByOccasion": lambda p: rd.perception.ambivalence(
        p, positive="i1", negative="i2", minimum=-9.0, by="occasion"
    ),
    "ContagionResult": lambda p: rd.perception.contagion(p, affect="y"),
    "EmpathicAccuracy": lambda p: rd.perception.empathic_accuracy(p, judgment="x", truth="y"),
    "IndirectAccuracy": lambda p: rd.perception.indirect_accuracy(
        p, judgment="x", truth="y", bias="mediator", n_boot=99, seed=1
    ),
    "CaseEffectSizes": lambda p: rd.intervention.effect_size(p, **phases),
    "OverlapResult": lambda p: rd.intervention.overlap(p, **phases),
    "RandomizationTest": lambda p: rd.intervention.randomization_test(p, **phases, n_draws=99, seed=1),
    "ReliableChangeResult": lambda p: rd.intervention.reliable_change(p, **phases, n_boot=99, seed=1),
    "ScheduleResult": lambda p: rd.cycles.schedule(p, warmth="warmth", approach="longing"),
    "WarmEvents": lambda p: rd.cycles.events(p, warmth="warmth"),
    "PersistenceResult": lambda p: rd.cycles.persistence(p, warmth="warmth", response="longing"),
    "VigilanceResult": lambda p: rd.cycles.vigilance(p, warmth="warmth", response="longing"),
    "BondTrend": lambda p: rd.cycles.bond_trend(p, attachment="longing", warmth="warmth"),
    "HMMResult": lambda p: rd.markov.fit_hmm(series(p), n_states=2, n_starts=3, seed=1),
    "HierarchicalHMMResult": lambda p: rd.markov.fit_hierarchical_hmm(series(p), n_states=2, n_starts=3, seed=1),
}
# Detections take minutes: results made by hand stand for them in tests/cycles/test_cycle_result.py.
ELSEWHERE = {"CycleResult", "ReportComparison", "CalibrationResult"}
# One table with a row per occasion and nothing else: without rows there is nothing to read.
ROWS_ONLY = {"AmbivalenceByOccasion", "ContactWindows", "WarmEvents"}
ROLES_NEEDED = {"VarResult, two-step"}
# Results that name dyads or persons in their tables: these are tried with ids of every kind.
NAMING = {
    *("ApimResult", "InertiaResult", "InstabilityResult", "LocationScaleResult", "NetworkResult", "AsymmetryResult"),
    *("CrossCorrelationResult", "RecurrenceResult", "SusyResult", "WindowedResult", "GridResult", "InfluenceResult"),
    *("LagSequentialResult", "TransitionLogitResult", "VarResult", "VarResult, two-step", "LearningResult"),
    *("DissociationResult", "SimilarityResult, judged", "SimilarityResult, over occasions", "SocialAccuracyResult"),
    *("GrangerResult", "CoordinationResult", "AffectDynamics", "ShrinkageResult", "AmbivalenceResult"),
    *("ScheduleResult", "PersistenceResult", "VigilanceResult", "BondTrend"),
    *("ContagionResult", "EmpathicAccuracy", "CaseEffectSizes", "RandomizationTest", "ReliableChangeResult"),
    *("TruthBiasResult", "EventResponse", "Recovery", "InterruptedSeries", "MultipleBaseline"),
}
PANELS = {"text": diary("text"), "numbers": diary("numbers"), "no roles": diary("text", roles=False)}
CASES = [(name, "text") for name in MAKE]
CASES += [(name, "numbers") for name in MAKE if name in NAMING]
CASES += [(name, "no roles") for name in MAKE if name in NAMING - ROLES_NEEDED]
MESSAGE = "this result was saved without rows, and this needs them: save it with to_json(path, rows=True), or "
ANSWERS = ("x", "y", "mediator", "longing", "fate", *ITEMS, *JUDGED)
WHO = ["dyad", "person", "perceiver", "giver", "receiver", "sender", "x", "y", "given_by", "target_by"]
WHO += ["role", "outcome", "predictor", "source", "target", "vanishes_if", "leads", "partner"]
# Arguments of verbs that need some.
ARGUMENTS = {
    "covariance": ("random",),
    "contrast": ("role-differences",),
    "with_calibration": None,
    "recognised": ("none",),
    "rate_recovery": ("none",),
    "outcome": None,
    "to_table": None,
    "to_json": None,
}


def leaves(value):
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]


def verbs(result):
    """The public verbs of a result, with arguments where they need some."""
    for name, _ in inspect.getmembers(type(result), inspect.isfunction):
        if name.startswith("_") or ARGUMENTS.get(name, ()) is None:
            continue
        arguments = ARGUMENTS.get(name, ())
        if name in ("matrix",):
            arguments = (result.dyads["dyad"].iloc[0],)
        yield name, lambda name=name, arguments=arguments: getattr(result, name)(*arguments)


def without_ids(frame):
    """What is left to compare when ids are gone: all numbers, and the names that are no ids."""
    return frame.drop(columns=frame.columns.intersection(WHO)).select_dtypes("number")


def test_every_result_is_tried():
    tried = {name.partition(",")[0] for name in MAKE} | ELSEWHERE
    assert tried == set(homes())
    for module in set(homes().values()):
        importlib.import_module(module)


@pytest.fixture(scope="module")
def made():
    """Results by name and panel, each made once."""
    kept = {}

    def make(name, kind):
        if (name, kind) not in kept:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                kept[name, kind] = MAKE[name](PANELS[kind])
        return kept[name, kind]

    return make


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_no_answer_and_no_id_is_saved(made, name, kind):
    text, frame = made(name, kind).to_json(), PANELS[kind].frame
    assert "Zq7" not in text
    ids = {str(label) for column in ("couple", "who") for label in frame[column]}
    assert not ids & set(re.findall(r"\d{5,}", text))
    saved = json.loads(text)
    assert saved["rows"] is False
    answers = set(frame[list(ANSWERS)].to_numpy().ravel().tolist())
    assert not answers & {leaf for leaf in leaves(saved) if isinstance(leaf, float)}


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_what_was_saved_without_rows_reads_as_before(made, name, kind):
    result = made(name, kind)
    again = rd.from_json(result.to_json())
    assert type(again) is type(result)
    assert again.spec == result.spec
    if name in ROWS_ONLY:
        with pytest.raises(rd.DataError, match="saved without rows"):
            again.tidy()
        return
    assert again.to_json() == result.to_json()
    for verb in ("tidy", "glance"):
        first, second = getattr(result, verb)(), getattr(again, verb)()
        assert list(first) == list(second)
        pd.testing.assert_frame_equal(without_ids(first), without_ids(second), check_dtype=False)
        for column in ("dyad", "person", "giver", "x", "y"):
            if column in first:
                # The same rows are of the same dyad or person as before.
                assert first[column].nunique() == second[column].nunique()
                assert len(first[[column]].assign(other=second[column]).drop_duplicates()) == first[column].nunique(
                    dropna=False
                )
    assert second.equals(first) or name.startswith("HMM")
    table = again.tidy()
    assert "term" not in table or table["term"].is_unique or isinstance(result, TableResult)
    tokens = re.compile(r"Zq7|\b(?:9041|7204)\d+\b")
    for text in (again.summary(), again._repr_html_(), table.to_string()):
        assert not tokens.search(text)
    assert len(again.summary()) > 0.5 * len(result.summary())
    assert len(again.warnings) == len(result.warnings)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MAKE)
def test_verbs_work_or_say_what_they_miss(made, name):
    result = made(name, "text")
    again, whole = rd.from_json(result.to_json()), rd.from_json(result.to_json(rows=True))
    missed = set()
    for (verb, call), (_, bare), (_, full) in zip(verbs(result), verbs(again), verbs(whole), strict=True):
        try:
            before = call()
        except (rd.ReldynError, TypeError) as problem:
            # What the result refuses anyway (a contrast that it has not, no figure): the same words.
            with pytest.raises(type(problem)) as caught:
                bare()
            assert str(caught.value) == str(problem) or str(caught.value).startswith(MESSAGE)
            continue
        after = full()
        if isinstance(before, pd.DataFrame):
            pd.testing.assert_frame_equal(before, after, check_dtype=False, rtol=1e-6)
        try:
            found = bare()
        except rd.DataError as problem:
            assert str(problem) == f"{MESSAGE}compute it anew from the data."
            missed.add(verb)
        else:
            if isinstance(before, pd.DataFrame):
                assert found.shape == before.shape
                pd.testing.assert_frame_equal(without_ids(found), without_ids(before), check_dtype=False, rtol=1e-6)
    assert missed == MISSED.get(name, set())
    import matplotlib.pyplot as plt

    plt.close("all")


FITTED = {"augment", "predict", "influence", "random_effects"}
APIM = FITTED | {"pattern", "latent_between"}
MISSED = {
    **{name: {"tidy", "glance", "summary"} for name in ROWS_ONLY},
    "ApimResult": APIM | {"r_squared"},
    "ApimResult, random": APIM | {"r_squared"},
    "ApimResult, bootstrap": (APIM | {"contrast"}) - {"latent_between"},
    # Fits pooled over imputations or with modelled predictors have no deviations of dyads anyway.
    "ApimResult, imputed": {"predict", "pattern", "latent_between", "r_squared"},
    "ApimResult, modelled": {"predict", "pattern"},
    "MixedResult": FITTED | {"r_squared"},
    "MarginalApimResult": {"predict", "latent_between"},
    "RecurrenceResult": {"matrix", "plot"},
    "GridResult": {"plot"},
    "InfluenceResult": {"plot"},
    "SimilarityResult": {"profiles"},
    "SimilarityResult, judged": {"profiles"},
    "TruthBiasResult": {"perceivers", "plot"},
    "InterruptedSeries": {"plot"},
}


@pytest.mark.parametrize("name", MAKE)
def test_with_rows_everything_comes_back(made, name):
    result = made(name, "text")
    text = result.to_json(rows=True)
    again = rd.from_json(text)
    assert json.loads(text)["rows"] is True
    pd.testing.assert_frame_equal(again.tidy(), result.tidy(), check_dtype=False)
    assert again.summary() == result.summary()
    assert again.to_json(rows=True) == text
    assert again.to_json() == result.to_json()


def test_rows_that_are_not_there_cannot_be_saved(made):
    again = rd.from_json(made("ApimResult", "text").to_json())
    with pytest.raises(rd.DataError) as caught:
        again.to_json(rows=True)
    assert str(caught.value) == (
        "this result was itself saved without rows, so it has none to save: compute it anew from the data, and save "
        "that with to_json(path, rows=True)."
    )


def test_roles_stay_and_members_have_numbers(made):
    told = rd.from_json(made("CrossCorrelationResult", "text").to_json()).tidy()
    assert set(told["x"]) | set(told["y"]) == {"wife", "man"}
    alike = rd.from_json(made("CrossCorrelationResult", "no roles").to_json()).tidy()
    assert sorted([*alike["x"], *alike["y"]]) == list(range(1, 2 * N_DYADS + 1))
    assert alike["dyad"].tolist() == list(range(1, N_DYADS + 1))
    assert alike["term"].tolist() == [f"synchrony of dyad {k}" for k in range(1, N_DYADS + 1)]


@pytest.mark.parametrize(
    ("text", "dyad", "persons", "wanted"),
    [
        ("dyad 3: 11 on 12 lag 11", 3, (11, 12), "dyad 7: 21 on 22 lag 11"),
        ("11 in 3", 3, (11,), "21 in 7"),
        ("warm: 11 in 3", 3, (11,), "warm: 21 in 7"),
        ("3 11 level 3", 3, (11,), "7 21 level 3"),
        ("3 wife day +3", 3, (11,), "7 wife day +3"),
        ("11: step up (dyad 3)", 3, (11,), "21: step up (dyad 7)"),
        ("synchrony of dyad 3", 3, (), "synchrony of dyad 7"),
        ("prevalence of 3", "sample", (), "prevalence of 3"),
        ("dyad 33: x", 33, (), "dyad 33: x"),
    ],
)
def test_terms_name_numbers(text, dyad, persons, wanted):
    from reldyn._saved import Numbers

    assert Numbers({3: 7}, {11: 21, 12: 22}).term(text, dyad, persons) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("dyad 3 was left out", "dyad 7 was left out"),
        ("dyad '3': too short, 3 days.", "dyad 7: too short, 3 days."),
        ("Mueller-Schmidt and Mueller differ", "8 and 9 differ"),
        ("Muellers differ", "Muellers differ"),
        ("a dyad of others", "a dyad of others"),
    ],
)
def test_sentences_name_numbers(text, wanted):
    from reldyn._saved import Numbers

    assert Numbers({3: 7, "Mueller": 9, "Mueller-Schmidt": 8}, {"of": 5}).text(text) == wanted


def test_labels_within_each_dyad_identify_nobody():
    panel = diary("text", roles=False)
    frame = panel.frame.assign(who=np.where(np.arange(len(panel)) % (2 * N_DAYS) < N_DAYS, "one", "two"))
    again = rd.DyadPanel(frame, dyad="couple", person="who", day="day")
    told = rd.from_json(rd.coupling.cross_correlation(again, "y", surrogate=None).to_json()).tidy()
    assert set(told["x"]) | set(told["y"]) == {"one", "two"}


def test_a_draft_of_others_is_not_touched(tmp_path, made):
    (tmp_path / "fit.json.part").write_text("mine", encoding="utf-8")
    made("IccResult", "text").to_json(tmp_path / "fit.json")
    assert {path.name for path in tmp_path.iterdir()} == {"fit.json", "fit.json.part"}
    assert (tmp_path / "fit.json.part").read_text(encoding="utf-8") == "mine"


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_a_result_that_was_saved_without_rows_still_shows_itself():
    diary = rd.simulate.intervention(n_dyads=4, n_before=[14, 18, 22, 26], level=1.0, seed=1).panel
    found = rd.intervention.multiple_baseline(diary, outcome="closeness", phase="phase")
    events = rd.cycles.events(rd.load_sample().select(dyads=[1, 2]), warmth="warmth_received")
    for result in (found, events):
        assert repr(rd.from_json(result.to_json())).startswith(f"<{type(result).__name__}: ")
