"""ops.anchor_grid and ops.pyramid_level: the published numbers."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

REN = [  # py-faster-rcnn, generate_anchors.py: pixels counted from 1, the last one included
    (-83, -39, 100, 56), (-175, -87, 192, 104), (-359, -183, 376, 200), (-55, -55, 72, 72),
    (-119, -119, 136, 136), (-247, -247, 264, 264), (-35, -79, 52, 96), (-79, -167, 96, 184),
    (-167, -343, 184, 360),
]


def test_the_nine_anchors_of_ren_et_al():
    found = ops.anchor_grid((1, 1), stride=16, sizes=(128, 256, 512), ratios=(0.5, 1, 2), base=16)
    by_ratio = np.reshape(found, [3, 3, 4]).transpose(1, 0, 2).reshape(9, 4)
    np.testing.assert_array_equal(by_ratio + [1, 1, 0, 0], REN)


def test_the_anchors_of_a_pyramid_level_as_detectron2_has_them():
    cell = np.array([[-32, -8, 32, 8], [-16, -16, 16, 16], [-8, -32, 8, 32]])
    options = {"stride": 4, "sizes": [32], "ratios": [0.25, 1, 4]}
    found = ops.anchor_grid((1, 2), offset=0, **options)
    np.testing.assert_allclose(found, [*cell, *(cell + [4, 0, 4, 0])], atol=1e-5)
    found = ops.anchor_grid((1, 2), **options)
    np.testing.assert_allclose(found[:3], cell + 2, atol=1e-5)


def test_whole_anchors_as_torchvision_has_them():
    cell = [[-23, -11, 23, 11], [-16, -16, 16, 16], [-11, -23, 11, 23]]  # Of 32 px, printed by it.
    stride = tf.constant([61, 64])  # Of a fifth level: 800 // 13 and 1344 // 21.
    found = ops.anchor_grid((2, 2), stride=stride, sizes=[32], offset=0, whole=True).numpy()
    for i, (y, x) in enumerate([(0, 0), (0, 64), (61, 0), (61, 64)]):
        np.testing.assert_array_equal(found[3 * i : 3 * i + 3], np.add(cell, [x, y, x, y]))


def test_areas_and_ratios_are_those_asked_for():
    sizes, ratios = (32, 50), (0.3, 1, 2)
    found = ops.anchor_grid((2, 3), stride=8, sizes=sizes, ratios=ratios).numpy()
    width, height = (found[:, 2:] - found[:, :2]).T.reshape(2, 6, 2, 3)
    np.testing.assert_allclose(width * height, np.square([[[32] * 3, [50] * 3]] * 6), rtol=1e-5)
    np.testing.assert_allclose(height / width, np.broadcast_to(ratios, [6, 2, 3]), rtol=1e-5)


def test_the_grid_goes_row_by_row_and_its_shape_may_be_a_tensor():
    found = ops.anchor_grid(tf.constant([2, 3]), stride=10, sizes=[4], ratios=[1])
    centres = ops.centres_from_boxes(found)[:, :2]
    np.testing.assert_allclose(centres, [[5, 5], [15, 5], [25, 5], [5, 15], [15, 15], [25, 15]])


@pytest.mark.parametrize("change", [
    {"stride": 0}, {"sizes": []}, {"sizes": [-1]}, {"ratios": [1, 0]}])
def test_sizes_that_are_none_are_refused(change):
    with pytest.raises(ValueError, match=f"Expected positive.*Received: {next(iter(change))}="):
        ops.anchor_grid((1, 1), **{"stride": 4, "sizes": [4]} | change)


def test_the_level_of_a_box():
    side = np.array([1, 111.99, 112, 223.99, 224, 447.99, 448, 896, 1e6, 0, np.nan])
    boxes = np.stack([0 * side, 0 * side, side, side], -1).astype(np.float32)
    levels = [2, 2, 3, 3, 4, 4, 5, 5, 5, 2, 2]
    np.testing.assert_array_equal(ops.pyramid_level(boxes), levels)


def test_the_area_alone_decides_and_it_equals_the_formula():
    random = np.random.default_rng(0)
    low, side = random.uniform(0, 100, [2, 300, 2]), random.uniform(1, 2000, [2, 300, 2])
    expected = np.floor(4 + np.log2(np.sqrt(side.prod(-1)) / 224)).clip(2, 5)
    found = ops.pyramid_level(np.concatenate([low, low + side], -1))
    assert found.dtype == tf.int32
    np.testing.assert_array_equal(found, expected)
