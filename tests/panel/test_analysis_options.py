"""Options of analyses of the wrong kind are refused in one sentence."""

import pytest

import reldyn as rd


@pytest.fixture(scope="module")
def panel():
    return rd.simulate.perception(n_dyads=4, n_occasions=12, seed=1).panel


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda p: rd.coupling.granger(p, ["mood"]), r"variable=\['mood'\] is a list: give the name of one column"),
        (lambda p: rd.dynamics.inertia(p, variable=["mood"]), r"variable=\['mood'\] is a list"),
        (lambda p: rd.coupling.cross_correlation(p, "mood", n_jobs="2"), "n_jobs='2': give a whole number"),
        (lambda p: rd.dynamics.correlations(p, ["mood", "perceived"], n_boot=99.5), "n_boot=99.5: give a whole number"),
        (lambda p: rd.coupling.recurrence(p, "mood", radius="1"), "radius='1' is text: give a number"),
        (lambda p: rd.coupling.lag_sequential(p, "mood", bins="median"), "bins='median' of 'mood': cut points must be"),
        (lambda p: rd.perception.similarity(p, 5), "items= and judged= take lists of columns"),
        (lambda p: rd.intervention.overlap(p, outcome="mood", phase="role", phases=5), "phases=5: name two different"),
        (
            lambda p: rd.intervention.randomization_test(p, outcome="mood", phase="role", starts=["a"]),
            r"starts=\['a'\]: give the times",
        ),
    ],
)
def test_what_is_of_the_wrong_kind_is_refused(panel, call, said):
    with pytest.raises(rd.DesignError, match=said):
        call(panel)
