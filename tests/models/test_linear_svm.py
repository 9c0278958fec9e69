"""Linear support vector machines against LIBLINEAR, and the search for hard negatives."""

import numpy as np
import pytest

from tfvision.models import linear_svm


def points():
    """60 points of two classes that overlap."""
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 3)).round(2) * [3, 2, 1]
    return x, x @ [1, -2, 0.5] + random.normal(size=60) * 2 > 1


# LinearSVC(loss="hinge", C=cost, intercept_scaling=10, class_weight={True: 2, False: 1}, tol=1e-10,
#           max_iter=10**7).fit(*points())   of scikit-learn 1.9.1
LIBLINEAR = {
    1e-3: ([0.05292, -0.06702, 0.02045], -0.7),
    1e-1: ([0.19781, -0.61669, 0.42223], -0.5921),
    1.0: ([0.26828, -0.71728, 0.55553], -0.88951),
}


def value(x, positive, w, b, cost):
    """What is minimised, with the corner of the hinge as it is."""
    y, price = np.where(positive, 1, -1), cost * np.where(positive, 2, 1)
    return w @ w / 2 + (b / 10) ** 2 / 2 + price @ np.maximum(0, 1 - y * (x @ w + b))


@pytest.mark.parametrize("cost", LIBLINEAR)
def test_it_is_liblinear_s_machine(cost):
    x, positive = points()
    w, b = linear_svm.fit(x, positive, cost=cost)
    theirs, their_b = LIBLINEAR[cost]
    np.testing.assert_allclose(w, theirs, atol=0.01)
    assert b == pytest.approx(their_b, abs=0.03)
    best = value(x, positive, np.array(theirs), their_b, cost)
    assert value(x, positive, w, b, cost) <= 1.002 * best


def test_points_that_can_be_told_apart_are():
    x = np.concatenate([np.full([5, 2], 3.0) + np.eye(5, 2), -np.full([9, 2], 3.0)])
    w, b = linear_svm.fit(x, np.arange(14) < 5, cost=10.0)
    assert ((x @ w + b > 0) == (np.arange(14) < 5)).all()
    assert np.abs(x @ w + b).min() == pytest.approx(1, abs=0.05), "the margin"


def test_the_start_changes_no_answer():
    x, positive = points()
    cold = linear_svm.fit(x, positive, cost=0.1)
    warm = linear_svm.fit(x, positive, cost=0.1, start=(np.full(3, 5.0), -20.0))
    np.testing.assert_allclose(warm[0], cold[0], atol=1e-4)
    assert warm[1] == pytest.approx(cold[1], abs=1e-3)


def test_exactly_the_negatives_that_violate_the_margin_are_taken():
    machine = linear_svm.HardNegatives(np.ones([2, 1]))
    machine.weights = np.array([1.0]), 0.0  # The score is the number itself.
    machine.look(np.array([[-3.0], [-1.0002], [-1.0], [-0.2], [4.0]]))
    np.testing.assert_array_equal(machine.negatives, [[-1.0], [-0.2], [4.0]])


def test_the_machine_is_fitted_when_enough_are_new_and_easy_ones_go():
    positives = np.full([20, 1], 6.0)
    machine = linear_svm.HardNegatives(positives, retrain=30, cost=1.0)
    machine.look(np.full([29, 1], -6.0))
    assert not machine.weights[0].any() and len(machine.negatives) == 29
    machine.look(np.array([[3.0]]))
    assert machine.weights[0][0] > 0 and machine.fresh == 0
    kept = machine.negatives[:, 0]
    assert 3.0 in kept and -6.0 not in kept and (machine.score(machine.negatives) >= -1.2).all()


def test_mining_finds_the_machine_of_all_negatives():
    random = np.random.default_rng(1)
    positives, negatives = random.normal(2, 1, [40, 4]), random.normal(-1, 1, [2000, 4])
    machine = linear_svm.HardNegatives(positives, retrain=100, cost=0.1)
    for _ in range(2):
        for part in np.split(negatives, 20):
            machine.look(part)
    w, b = machine.fit()
    positive = np.arange(2040) < 40
    whole = linear_svm.fit(np.concatenate([positives, negatives]), positive, cost=0.1)
    assert len(machine.negatives) < 1000
    np.testing.assert_allclose(w, whole[0], rtol=0.35, atol=0.15)
    x = np.concatenate([positives, negatives])
    ours, theirs = x @ w + b, x @ whole[0] + whole[1]
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99
    assert np.mean((ours > 0) == (theirs > 0)) > 0.99


def test_without_positives_nothing_is_of_the_class():
    machine = linear_svm.HardNegatives(np.zeros([0, 3]))
    machine.look(np.ones([5, 3]))
    machine.fit()
    assert (machine.score(np.random.default_rng(0).normal(size=[7, 3])) == -10).all()
