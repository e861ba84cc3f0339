import numpy as np
import pytest

from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import DataError


def test_the_night_counts_its_steps_and_is_marked():
    series = DirectionSeries.from_arrays(
        np.arange(10.0).reshape(5, 2), day=[1, 1, 1, 2, 2], beep=[1, 2, 3, 1, 2], night_steps=4
    )
    assert series.elapsed.tolist() == [1, 1, 1, 4, 1]
    assert series.night.tolist() == [False, False, False, True, False]


def test_an_occasion_with_one_channel_missing_is_not_observed():
    series = DirectionSeries.from_arrays([[1, np.nan], [2, 3], [4, 5]], day=[1, 1, 1], beep=[1, 2, 3])
    assert series.observed.tolist() == [False, True, True]
    assert series.n_observed == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": [0, 2, 1]}, "step must increase from occasion to occasion: sort the occasions by time."),
        ({"beep": [1, 2]}, "beep must have one row per occasion of y (3)."),
        (
            {"covariates": [1.0, np.nan, 2.0]},
            "covariates and triggers must have a value at every occasion: fill or leave them out.",
        ),
    ],
)
def test_bad_series_say_what_is_wrong(change, message):
    arguments = {"day": [1, 1, 1], "beep": [1, 2, 3]} | change
    with pytest.raises(DataError) as caught:
        DirectionSeries.from_arrays([1.0, 2.0, 3.0], **arguments)
    assert str(caught.value) == message
