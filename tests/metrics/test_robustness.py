"""metrics.robustness: rho over all examples, parts, and the weakest step that fools enough."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.metrics import robustness

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=[21, 3]).astype(np.float32)
W = RANDOM.normal(size=[3, 4]).astype(np.float32)


def classify(x):
    return tf.matmul(x, W)


def deepfool(x, index, **options):
    return ops.deepfool(classify, x, **options)


def test_rho_is_the_mean_of_ratios_and_not_the_ratio_of_means():
    x = np.array([[3.0, 4.0], [0.6, 0.8]])
    r = np.array([[0.0, 1.0], [0.5, 0.0]])
    assert robustness.rho(r, x) == pytest.approx((1 / 5 + 0.5) / 2)
    assert robustness.rho(r, x, "linf") == pytest.approx((1 / 4 + 0.5 / 0.8) / 2)


def test_who_was_not_fooled_counts_and_who_has_no_length_does_not():
    x, r = np.array([[1.0], [2.0], [0.0]]), np.array([[0.0], [1.0], [1.0]])
    assert robustness.rho(r, x) == pytest.approx((0 + 0.5) / 2)
    assert np.isinf(robustness.ratios(r, x)[2])
    with pytest.raises(ValueError, match="other than 0"):
        robustness.rho(r[2:], x[2:])


@pytest.mark.parametrize("part", [4, 7, 100])
def test_parts_change_nothing_and_keep_the_order(part):
    found = robustness.attack_all(deepfool, X, part=part)
    whole = ops.deepfool(classify, X)
    for a, b in zip(found, whole, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("side, counts", [(28, [250, 150]), (280, [2] * 200), (700, [1] * 400)])
def test_larger_images_are_attacked_fewer_at_a_time(side, counts):
    seen, x = [], np.broadcast_to(np.float32(1), [400, side, side, 3])

    def attack(x, index):
        seen.append(len(x))
        return ops.Attack(*[index] * 6)

    robustness.attack_all(attack, x)
    assert seen == counts
    assert robustness.at_a_time(X, 250) >= 250  # Of inputs that are no images, more.


def test_numbers_and_labels_go_with_their_examples():
    def attack(x, index, label):
        return ops.deepfool(classify, x + tf.cast(index, tf.float32)[:, None], label=label)

    label = np.arange(21) % 4
    found = robustness.attack_all(attack, X, label=label, part=5)
    np.testing.assert_array_equal(found.label, label)
    np.testing.assert_allclose(found.perturbed - found.perturbation, X + np.arange(21)[:, None],
                               atol=1e-5)
    with pytest.raises(ValueError, match="at least 1"):
        robustness.attack_all(deepfool, X[:0])


def test_the_summary_counts_what_an_attack_took():
    found = robustness.attack_all(deepfool, X)
    told = robustness.summary(found, X)
    assert told["fooled"] == 1 and told["iterations"] == 1
    assert told["rho"] == robustness.rho(found.perturbation, X)
    sizes = np.linalg.norm(found.perturbation, axis=1)
    assert told["median_l2"] == pytest.approx(np.median(sizes))
    assert told["median_linf"] == pytest.approx(np.median(np.abs(found.perturbation).max(1)))


def test_the_weakest_step_is_the_90th_percentile_of_exact_distances():
    """For two classes the step of one sign goes straight to the border."""
    w = W[:, :2]
    two = partial(tf.matmul, b=w)
    exact = np.abs(X @ (w[:, 1] - w[:, 0])) / np.abs(w[:, 1] - w[:, 0]).sum()
    for share in (0.5, 0.9):
        found = robustness.weakest_fgsm(two, X, share=share, highest=4.0, tolerance=1e-4, part=8)
        enough = np.sort(exact)[int(np.ceil(share * 21)) - 1]
        assert found.epsilon == pytest.approx(enough, abs=2e-4)
        assert found.fooled >= share
        ratio = found.epsilon * np.sqrt(3) / np.linalg.norm(X, axis=1)
        assert found.rho == pytest.approx(ratio.mean(), rel=1e-4)


def test_where_no_step_fools_enough_there_is_no_weakest_one():
    assert robustness.weakest_fgsm(lambda x: tf.zeros([len(x), 3]) + [1.0, 0, 0], X) is None
