"""The range of the indices, as the docstring states it, over every pair of answers on sliders from 0 to 100."""

import numpy as np
import pytest

from reldyn.perception._ambivalence import ambivalence_index

POSITIVE, NEGATIVE = (grid.ravel().astype(float) for grid in np.meshgrid(np.arange(101), np.arange(101)))


@pytest.mark.parametrize(("index", "low", "high"), [("griffin", -50, 100), ("kaplan", 0, 200), ("jamieson", 0, 100)])
def test_each_index_reaches_its_stated_limits_and_no_further(index, low, high):
    values = ambivalence_index(POSITIVE, NEGATIVE, index)
    assert (values.min(), values.max()) == (low, high)


def test_griffin_is_negative_where_one_is_more_than_three_times_the_other():
    values = ambivalence_index(POSITIVE, NEGATIVE, "griffin")
    unequal = np.maximum(POSITIVE, NEGATIVE) > 3 * np.minimum(POSITIVE, NEGATIVE)
    assert ((values < 0) == unequal).all()
    assert np.array_equal(values, (POSITIVE + NEGATIVE) / 2 - np.abs(POSITIVE - NEGATIVE))
