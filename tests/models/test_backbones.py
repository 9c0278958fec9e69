"""Backbones: a pyramid of maps."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision.models import backbones


def test_the_small_one_has_a_map_for_each_stride():
    net = backbones.small(widths=(4, 8, 12, 16))
    maps = net(tf.zeros([2, 64, 96, 3]))
    assert [m.shape for m in maps] == [[2, 16, 24, 8], [2, 8, 12, 12], [2, 4, 6, 16]]


def test_a_pyramid_has_equal_channels_and_hears_from_coarser_levels():
    net = backbones.pyramid(backbones.small(widths=(4, 4, 8, 8)), channels=6, extra=True)
    image = np.random.default_rng(0).uniform(0, 255, [1, 64, 64, 3]).astype(np.float32)
    maps = net(image)
    assert [m.shape for m in maps] == [[1, s, s, 6] for s in (16, 8, 4, 2)]
    changed = image.copy()
    changed[:, 40:, 40:] = 0  # What the finest map's first place sees only by coarser ones.
    assert (net(changed)[0][0, 0, 0] != maps[0][0, 0, 0]).numpy().any()


def test_networks_of_keras_applications_can_be_cut():
    net = backbones.of_applications("MobileNetV2", strides=(8, 16, 32))
    maps = net(tf.zeros([1, 64, 96, 3]))
    assert [m.shape[1:3] for m in maps] == [[8, 12], [4, 6], [2, 3]]
    assert not [v for v in net.trainable_variables if "/gamma" in v.path or "/beta" in v.path]


@pytest.mark.parametrize("name, strides, told", [("Nothing50", (8,), "name of a network"),
                                                 ("MobileNetV2", (7,), "strides among")])
def test_what_does_not_exist_is_refused(name, strides, told):
    with pytest.raises(ValueError, match=told):
        backbones.of_applications(name, strides=strides)
