"""Options that are no numbers, switches or labels are refused by name, whatever their type."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn import coupling


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(1)
    rows = [(dyad, role, t) for dyad in (1, 2) for role in "ab" for t in range(60)]
    frame = pd.DataFrame(rows, columns=["dyad", "role", "t"])
    frame["v"] = rng.normal(size=len(frame)).round(2)
    return rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="t")


NO_NUMBER = [[1, 2], (), {}, b"x", "much", np.array([1.0, 2.0]), pd.Series([1.0]), object(), np.nan, True]
CALLS = {
    "radius": lambda p, value: coupling.recurrence(p, "v", radius=value, surrogate=None),
    "zero": lambda p, value: coupling.influence_functions(p, "v", zero=value, n_boot=0),
    "band": lambda p, value: coupling.influence_functions(p, "v", band=value, n_boot=0),
    "n_boot": lambda p, value: coupling.influence_functions(p, "v", n_boot=value),
    "n_permutations": lambda p, value: coupling.lag_sequential(p, "v", bins=2, n_permutations=value),
    "reliability": lambda p, value: coupling.asymmetry(p, "v", trend=False, check=False, reliability=value),
    "span": lambda p, value: coupling.windowed_cross_correlation(
        p, "v", window=20, increment=10, max_lag=3, surrogate=None
    ).peaks(span=value),
}


@pytest.mark.parametrize("value", NO_NUMBER, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_number_is_refused_by_name(panel, name, value):
    with pytest.raises(rd.DesignError, match=f"^{name}"):
        CALLS[name](panel, value)


@pytest.mark.parametrize("value", ["x", 2, None, [1, 2], np.array([1, 2])], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("interaction", lambda p, **option: coupling.transition_logit(p, "v", bins=[0.0], **option)),
        ("repeats", lambda p, **option: coupling.lag_sequential(p, "v", bins=2, n_permutations=0, **option)),
        ("repair", lambda p, **option: coupling.influence_functions(p, "v", n_boot=0, **option)),
        ("damping", lambda p, **option: coupling.influence_functions(p, "v", n_boot=0, **option)),
    ],
)
def test_what_is_no_switch_is_refused_by_name(panel, name, call, value):
    with pytest.raises(rd.DesignError, match=f"^{name}=.* is not known; allowed: True, False"):
        call(panel, **{name: value})


@pytest.mark.parametrize("value", [[1], {}, b"x", np.array([1, 2]), object()], ids=lambda value: type(value).__name__)
def test_what_is_no_state_is_refused_by_name(panel, value):
    with pytest.raises(rd.DesignError, match=r"^state=.* is not known; allowed: "):
        coupling.transition_logit(panel, "v", bins=[0.0], state=value)


def test_a_truth_value_is_no_cut_point(panel):
    with pytest.raises(rd.DesignError, match=r"^bins=True of 'v': cut points must be numbers that ascend"):
        coupling.state_space_grid(panel, "v", bins=True)


@pytest.mark.parametrize("value", [-1, 0, 1.5])
def test_a_span_is_a_share_of_the_lags(panel, value):
    with pytest.raises(rd.DesignError, match=f"^span={value}: give a share of the lags, above 0 and at most 1"):
        CALLS["span"](panel, value)


@pytest.mark.parametrize("value", [np.array(["a"]), pd.Series(["a"])], ids=lambda value: type(value).__name__)
def test_durations_are_one_column(panel, value):
    with pytest.raises((rd.DataError, rd.DesignError)):
        coupling.state_space_grid(panel, "v", bins=2, duration=value)
