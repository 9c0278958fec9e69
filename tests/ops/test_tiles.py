"""ops.split_tiles and ops.join_tiles: what is cut is put together again."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops


@pytest.mark.parametrize("h, w", [(16, 16), (17, 5), (1, 1), (40, 33), (2, 64)])
@pytest.mark.parametrize("batch", [1, 3])
def test_joining_the_centres_of_tiles_gives_the_image_back(h, w, batch):
    image = np.random.default_rng(0).normal(size=[batch, h, w, 2]).astype(np.float32)
    tiles = ops.split_tiles(image, tile=16, stride=8, margin=4)
    centres = tiles[:, 4:12, 4:12]
    joined = ops.join_tiles(centres, batch=batch, height=h, width=w, stride=8)
    np.testing.assert_array_equal(joined, image)


def test_tiles_are_windows_of_the_mirrored_image():
    image = np.random.default_rng(1).normal(size=[1, 20, 13, 1]).astype(np.float32)
    mirrored = np.pad(image, [(0, 0), (4, 24), (4, 24), (0, 0)], mode="reflect")
    tiles = ops.split_tiles(image, tile=16, stride=8, margin=4)
    assert tiles.shape == (3 * 2, 16, 16, 1)
    for k in range(6):
        y, x = 8 * (k // 2), 8 * (k % 2)
        np.testing.assert_array_equal(tiles[k], mirrored[0, y : y + 16, x : x + 16])


def test_sizes_may_be_unknown_while_tracing():
    def round_trip(image):
        b, h, w = tf.unstack(tf.shape(image)[:3])
        tiles = ops.split_tiles(image, tile=8, stride=4, margin=2)
        return ops.join_tiles(tiles[:, 2:6, 2:6], batch=b, height=h, width=w, stride=4)

    function = tf.function(round_trip, input_signature=[tf.TensorSpec([None] * 3 + [1], tf.uint8)])
    for shape in [(1, 9, 7, 1), (2, 4, 30, 1)]:
        image = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
        np.testing.assert_array_equal(function(image), image)


@pytest.mark.parametrize("stride", [0, 13])
def test_a_stride_that_loses_pixels_is_refused(stride):
    with pytest.raises(ValueError, match="stride="):
        ops.split_tiles(np.zeros([1, 32, 32, 1]), tile=16, stride=stride, margin=4)
