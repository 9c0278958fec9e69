"""losses.segmentation by hand-made numbers."""

import numpy as np

from tfvision.losses import segmentation


def test_equal_scores_cost_the_logarithm_of_the_number_of_classes():
    loss = segmentation.cross_entropy(np.zeros([2, 3, 4], np.int32), np.zeros([2, 3, 4, 5], "f"))
    assert loss.shape == (2, 3, 4)
    np.testing.assert_allclose(loss, np.log(5), rtol=1e-6)


def test_it_is_minus_the_log_probability_of_the_label():
    random = np.random.default_rng(0)
    logits = random.normal(size=[1, 4, 4, 3]).astype(np.float32)
    labels = random.integers(0, 3, [1, 4, 4])
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -np.log(np.take_along_axis(p, labels[..., None], -1)[..., 0])
    np.testing.assert_allclose(segmentation.cross_entropy(labels, logits), expected, rtol=1e-5)


def test_half_precision_scores_cost_float32():
    logits = np.array([[[[200.0, -200.0]]]], np.float16)
    loss = segmentation.cross_entropy(np.array([[[1]]]), logits)
    np.testing.assert_allclose(loss, 400.0)
