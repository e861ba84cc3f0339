"""The record of estimates: t and z by their distributions, and nothing where nothing can be said."""

import numpy as np
import pytest
from scipy import integrate, special

from reldyn.errors import DesignError
from reldyn.stats import Estimate


def t_density(x, df):
    scale = special.gamma((df + 1) / 2) / (np.sqrt(df * np.pi) * special.gamma(df / 2))
    return scale * (1 + x**2 / df) ** (-(df + 1) / 2)


@pytest.mark.parametrize("df", [1.0, 3.0, 12.5])
def test_p_values_and_limits_are_those_of_the_density_of_t(df):
    row = Estimate.from_std_error(1.7, 0.6, df).row()
    beyond = 2 * integrate.quad(t_density, row["statistic"], np.inf, args=(df,), epsabs=1e-12)[0]
    assert row["p_value"] == pytest.approx(beyond, abs=1e-9)
    half = (row["conf_high"] - row["conf_low"]) / 2 / 0.6
    assert integrate.quad(t_density, -half, half, args=(df,), epsabs=1e-12)[0] == pytest.approx(0.95, abs=1e-9)
    assert (row["conf_high"] + row["conf_low"]) / 2 == pytest.approx(1.7)


def test_infinite_degrees_of_freedom_are_the_normal_distribution():
    found = Estimate.from_std_error([1.959963984540054, -1.0], 1.0, level=0.9)
    assert found.p_value[0] == pytest.approx(0.05, abs=1e-12)
    assert found.p_value[1] == pytest.approx(special.erfc(1 / np.sqrt(2)), abs=1e-12)
    assert found.conf_high[1] + 1 == pytest.approx(np.sqrt(2) * special.erfinv(0.9))


@pytest.mark.parametrize(("value", "error"), [(1.0, 0.0), (1.0, np.nan), (np.nan, 1.0), (1.0, np.inf), (1.0, -1.0)])
def test_without_a_standard_error_there_is_no_test_and_no_interval(value, error):
    row = Estimate.from_std_error(value, error, 4).row()
    assert all(np.isnan(row[name]) for name in ("statistic", "p_value", "conf_low", "conf_high"))


def test_rows_and_columns_hold_the_same_numbers_and_notes():
    found = Estimate.from_std_error([1.0, 2.0], [0.5, 0.5], [3, np.inf], n=[4, 9], note=["few", ""])
    columns = found.columns()
    assert len(found) == 2
    for index in range(2):
        row = found.row(index)
        assert list(row) == list(columns)
        assert all(isinstance(value, float) for name, value in row.items() if name != "note")
        for name, value in row.items():
            np.testing.assert_equal(value, columns[name][index])


def test_another_scale_moves_estimate_and_limits_and_leaves_the_test():
    found = Estimate.from_std_error([0.4, -0.1], [0.2, 0.3])
    moved = found.transformed(np.tanh)
    np.testing.assert_array_equal(moved.p_value, found.p_value)
    np.testing.assert_array_equal(moved.conf_low, np.tanh(found.conf_low))
    assert np.isnan(moved.std_error).all()


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_that_is_no_coverage_is_refused(level):
    with pytest.raises(DesignError, match="the coverage of an interval lies between 0 and 1"):
        Estimate.from_std_error(1.0, 1.0, level=level)
