"""One dyad is "1 dyad" in every headline, paragraph, note and message."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

ITEMS = ["i1", "i2", "i3", "i4"]
WORDS = (
    "dyads|persons|rows|occasions|differences|answers|items|values|averages|pairs|samples|draws|windows|segments|prompts|"
    "members|columns|judgments|impressions|perceivers|directions|events|tables|notes"
)
few = rd.coupling.Surrogates("circular-shift", n=19)
CALLS = {
    "affect_dynamics": lambda p: rd.affect_dynamics(p, ["x"]),
    "asymmetry": lambda p: rd.coupling.asymmetry(p, "x"),
    "cross_correlation": lambda p: rd.coupling.cross_correlation(p, "x", max_lag=1, surrogate=few, seed=1),
    "dissociation": lambda p: rd.perception.dissociation(p, judgment="y", affect="x", n_boot=99, seed=1),
    "icc": lambda p: rd.dynamics.icc(p, ["x"]),
    "influence_functions": lambda p: rd.coupling.influence_functions(p, "x", zero="mean", n_boot=0),
    "inertia": lambda p: rd.dynamics.inertia(p, "x"),
    "instability": lambda p: rd.dynamics.instability(p, "x"),
    "lag_sequential": lambda p: rd.coupling.lag_sequential(p, "x", bins=[0.0], n_permutations=0),
    "location_scale": lambda p: rd.dynamics.location_scale(p, "x"),
    "multiple_baseline": lambda p: rd.intervention.multiple_baseline(p, outcome="x", phase="phase"),
    "network_density": lambda p: rd.dynamics.network_density(p, ["x", "y"]),
    "over_time": lambda p: rd.actor_partner.over_time(p, outcome="x"),
    "recovery": lambda p: rd.intervention.recovery(p, outcome="x", n_boot=19, seed=1),
    "reliability": lambda p: rd.dynamics.reliability(p, ITEMS),
    "similarity": lambda p: rd.perception.similarity(p, ITEMS, n_permutations=19, seed=1),
    "transition_logit": lambda p: rd.coupling.transition_logit(p, "x", bins=[0.0]),
    "two-step var": lambda p: rd.coupling.var(p, "x", pooling="two-step"),
    "var": lambda p: rd.coupling.var(p, "x"),
}


def panel_of(n_dyads, n_times):
    dyad, who, time = (part.ravel() for part in np.indices((n_dyads, 2, n_times)))
    frame = pd.DataFrame({"dyad": dyad, "person": 2 * dyad + who, "role": np.where(who, "b", "a")})
    frame["day"], frame["beep"] = time // 4, time % 4
    rng = np.random.default_rng(1)
    for name in ("x", "y", *ITEMS):
        frame[name] = rng.standard_normal(len(frame))
    frame["phase"] = np.where(time < n_times // 2, "A", "B")
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")


@pytest.mark.parametrize("size", [(1, 32), (1, 2), (4, 2)])
@pytest.mark.parametrize("name", CALLS)
def test_one_is_no_plural(name, size):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = CALLS[name](panel_of(*size))
            texts = [result.summary(), result._repr_html_(), repr(result), *result.warnings]
        except (rd.DataError, rd.DesignError) as error:
            texts = [str(error)]
    texts += [str(one.message) for one in caught]
    for text in texts:
        joined = " ".join(text.split())
        assert not re.search(rf"(?<![\d.,])1 ({WORDS})\b", joined), joined
        assert not re.search(r"\b1 of [\d,]+ \w+ (have|lack|are)\b", joined), joined


def test_a_panel_of_one_dyad_counts_it_in_the_singular():
    panel = panel_of(1, 2)
    assert repr(panel).startswith("DyadPanel: 1 dyad (")
    assert str(panel).startswith("DyadPanel: 1 dyad, 2 persons, 4 rows")


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning", "ignore::reldyn.ConvergenceWarning")
def test_stability_over_one_occasion_and_one_difference():
    panel = rd.simulate.apim(n_dyads=40, n_occasions=8, actor=0.3, partner=0.2, seed=1).panel
    text = " ".join(rd.actor_partner.over_time(panel, outcome="y").summary().split())
    assert "over 1 occasion" in text
