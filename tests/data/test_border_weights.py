"""tfvision.data.border_weights: the paper's equation 2 at points where it is known."""

import numpy as np
import pytest

from tfvision.data.border_weights import border_weights


def two_discs(gap, radius=6, height=31, width=61):
    """Two discs whose nearest pixels are `gap` px apart, and the column in the middle."""
    y, x = np.mgrid[:height, :width]
    left = 20
    right = left + 2 * radius + gap
    middle = height // 2
    label = sum((x - c) ** 2 + (y - middle) ** 2 <= radius**2 for c in (left, right))
    return label.astype(np.int32), middle, left + radius + gap // 2


@pytest.mark.parametrize("gap", [2, 4, 8, 12])
def test_between_two_discs_the_gap_decides(gap):
    label, y, x = two_discs(gap)
    balance = 0.5 / (1 - label.mean())
    assert border_weights(label)[y, x] == pytest.approx(
        balance + 10 * np.exp(-(gap**2) / 50), rel=1e-5
    )
    assert border_weights(label, w0=3.0, sigma=2.0)[y, x] == pytest.approx(
        balance + 3 * np.exp(-(gap**2) / 8), rel=1e-5
    )


def test_equation_2_holds_at_every_pixel():
    label = np.random.default_rng(1).random([14, 17]) > 0.9
    label[3:6, 4:9] = True
    import cv2

    count, regions = cv2.connectedComponents(label.astype(np.uint8), connectivity=4)
    at = np.indices(label.shape).transpose(1, 2, 0)
    far = [
        np.sqrt(((at[:, :, None] - np.argwhere(regions == k)) ** 2).sum(-1)).min(-1)
        for k in range(1, count)
    ]
    d1, d2 = np.sort(far, axis=0)[:2]
    expected = np.where(label, 0.5 / label.mean(), 0.5 / (~label).mean())
    expected += np.where(label, 0, 10 * np.exp(-((d1 + d2) ** 2) / 50))
    np.testing.assert_allclose(border_weights(label), expected, rtol=1e-4)


def test_the_balance_has_mean_1_and_stands_alone_for_a_single_cell():
    label = np.zeros([20, 20], int)
    label[5:9, 5:9] = 1
    weights = border_weights(label)
    assert weights.dtype == np.float32 and weights.mean() == pytest.approx(1)
    assert weights[6, 6] == pytest.approx(0.5 / 0.04) and weights[0, 0] == pytest.approx(0.5 / 0.96)


def test_cells_that_touch_at_a_corner_are_two():
    label = np.zeros([8, 8], int)
    label[2:4, 2:4] = label[4:6, 4:6] = 1
    balance = 0.5 / (1 - label.mean())
    assert border_weights(label)[4, 3] == pytest.approx(balance + 10 * np.exp(-4 / 50), rel=1e-5)


@pytest.mark.parametrize("value", [0, 1])
def test_one_class_alone_weighs_1(value):
    np.testing.assert_array_equal(border_weights(np.full([5, 6], value)), np.ones([5, 6]))


@pytest.mark.parametrize("shape", [(4, 4, 1), (4,), (0, 3)])
def test_what_is_no_label_map_is_refused(shape):
    with pytest.raises(ValueError, match="Expected a label"):
        border_weights(np.zeros(shape))
