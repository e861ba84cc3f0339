"""What cannot be simulated of perceptions is refused by name."""

import numpy as np
import pytest

import reldyn as rd


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"r_empathy": "high"}, "r_empathy='high' is no correlation: give a number from -1 to 1."),
        ({"r_members": None}, "r_members=None is no correlation: give a number from -1 to 1."),
        ({"sd_judgment": (0.1, 0.2)}, "sd_judgment=(0.1, 0.2) is no standard deviation: give a number from 0."),
        ({"sd_contagion": np.inf}, "sd_contagion=inf is no standard deviation: give a number from 0."),
    ],
)
def test_what_is_no_correlation_or_standard_deviation_is_refused(option, message):
    with pytest.raises(rd.DesignError) as caught:
        rd.simulate.perception(n_dyads=2, seed=1, **option)
    assert str(caught.value) == message
