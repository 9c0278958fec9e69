"""Ridge regression from sums."""

import numpy as np
import pytest

from tfvision.models.ridge import Ridge

X = np.random.default_rng(0).normal(size=[50, 4]) + 3
Y = X @ np.array([[1.0, 0, 2], [0, -1, 0], [0.5, 0, 0], [0, 0, 1]]) + [4, -2, 0]


def solved(parts, penalty):
    ridge = Ridge(4, 3)
    for rows in parts:
        ridge.add(X[rows], Y[rows])
    return ridge.solve(penalty)


def test_a_linear_map_is_found():
    w, b = solved([slice(None)], 1e-9)
    np.testing.assert_allclose(X @ w + b, Y, atol=1e-6)
    np.testing.assert_allclose(b, [4, -2, 0], atol=1e-6)


@pytest.mark.parametrize("penalty", [0.1, 10.0, 1000.0])
def test_it_is_the_solution_of_the_normal_equations(penalty):
    x, y = X - X.mean(0), Y - Y.mean(0)
    # The same as sklearn.linear_model.Ridge(penalty).fit(X, Y).
    expected = np.linalg.lstsq(
        np.concatenate([x, np.sqrt(penalty) * np.eye(4)]),
        np.concatenate([y, np.zeros([4, 3])]), rcond=None,
    )[0]
    w, b = solved([slice(0, 7), slice(7, 7), slice(7, 50)], penalty)
    np.testing.assert_allclose(w, expected, atol=1e-8)
    np.testing.assert_allclose(X.mean(0) @ w + b, Y.mean(0), atol=1e-8)


def test_without_rows_nothing_moves():
    w, b = Ridge(4, 3).solve(1000.0)
    assert not w.any() and not b.any()
