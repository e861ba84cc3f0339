"""Clusters against loops, and the sandwich against least squares with clustered errors of another library."""

import numpy as np
import pytest
from statsmodels.api import OLS

from reldyn.errors import DataError
from reldyn.stats import cluster_codes, cluster_covariance, cluster_means, cluster_sums


def test_codes_follow_first_appearance_for_labels_of_any_type():
    assert cluster_codes(["b", 1, "b", ("x", 2), 1.0]).tolist() == [0, 1, 0, 2, 1]
    assert cluster_codes(np.array([3, 3, 1])).tolist() == [0, 0, 1]


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_label_is_refused(missing):
    with pytest.raises(DataError, match=r"2 of 3 cluster labels are missing \(rows 0, 2\): label these rows"):
        cluster_codes([missing, "a", missing])


def test_sums_and_means_are_those_of_loops():
    rng = np.random.default_rng(1)
    values, codes = rng.standard_normal((50, 3)), rng.integers(0, 7, 50)
    values[rng.random((50, 3)) < 0.3] = np.nan
    values[codes == 6, 1] = np.nan
    sums, means = cluster_sums(np.nan_to_num(values), codes), cluster_means(values, codes)
    for code in range(7):
        for column in range(3):
            part = values[codes == code, column]
            part = part[np.isfinite(part)]
            assert sums[code, column] == pytest.approx(part.sum())
            assert means[code, column] == (
                pytest.approx(part.mean()) if len(part) else pytest.approx(np.nan, nan_ok=True)
            )


def test_the_sandwich_is_that_of_clustered_least_squares():
    rng = np.random.default_rng(2)
    X, codes = np.column_stack([np.ones(60), rng.standard_normal(60)]), rng.integers(0, 9, 60) * 10
    y = rng.standard_normal(60) + rng.standard_normal(100)[codes]
    bread = np.linalg.inv(X.T @ X)
    residual = y - X @ bread @ X.T @ y
    other = OLS(y, X).fit(cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False})
    n_clusters = len(np.unique(codes))
    found = cluster_covariance(bread, X * residual[:, None], codes)
    np.testing.assert_allclose(found, other.cov_params() * n_clusters / (n_clusters - 1), rtol=1e-10)


def test_a_single_cluster_says_nothing():
    assert np.isnan(cluster_covariance(np.eye(2), np.ones((3, 2)), np.zeros(3, dtype=int))).all()
