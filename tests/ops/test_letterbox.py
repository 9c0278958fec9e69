"""Images on a canvas."""

import cv2
import numpy as np
import pytest

from tfvision import ops
from tfvision.data.views import letterboxed


@pytest.mark.parametrize("shape", [(48, 64), (64, 20), (31, 77), (5, 9), (1, 1), (32, 40)])
def test_it_is_what_opencv_makes(shape):
    image = np.random.default_rng(0).integers(0, 256, [*shape, 3], np.uint8)
    canvas, view = ops.letterbox(image[None].astype(np.float32), (32, 40), fill=128)
    wanted, same = letterboxed(image, (32, 40))
    np.testing.assert_allclose(view, same, rtol=1e-6)
    np.testing.assert_allclose(canvas[0], wanted, atol=1.5)  # OpenCV rounds, also its weights.


def test_areas_are_averaged():
    image = np.random.default_rng(0).random([2, 40, 60, 1], np.float32)
    canvas, _ = ops.letterbox(image, (20, 30))
    means = np.stack([cv2.resize(one, (30, 20), interpolation=cv2.INTER_AREA) for one in image])
    np.testing.assert_allclose(canvas[..., 0], means, atol=1e-6)


def test_an_image_that_fits_is_not_touched():
    image = np.random.default_rng(0).random([1, 20, 30, 3], np.float32)
    canvas, view = ops.letterbox(image, (20, 30), fill=7)
    assert canvas is image and view.numpy().tolist() == [1, 1, 0, 0]


def test_a_point_of_the_image_is_where_the_view_says():
    image = np.zeros([1, 50, 80, 1], np.float32)
    image[0, 20:30, 40:60] = 1
    canvas, (sx, sy, x, y) = ops.letterbox(image, (64, 64))
    rows, columns = np.nonzero(canvas[0, ..., 0].numpy() > 0.5)
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(found, [40 * sx + x, 20 * sy + y, 60 * sx + x, 30 * sy + y], atol=1)
