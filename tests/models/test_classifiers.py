"""models.classifiers: the two networks of DeepFool's paper."""

import numpy as np

from tfvision.models import classifiers


def test_the_networks_are_those_of_the_paper():
    lenet, fc = classifiers.lenet(), classifiers.fully_connected()
    assert fc.count_params() == 784 * 500 + 500 + 500 * 150 + 150 + 150 * 10 + 10
    assert lenet.count_params() == 520 + 25_050 + 800 * 128 + 128 + 128 * 10 + 10
    for net in (lenet, fc):
        logits = net(np.random.default_rng(0).random([2, 28, 28, 1], np.float32)).numpy()
        assert logits.shape == (2, 10) and np.any(logits < 0)  # No softmax behind them.


def test_caffe_s_width_and_other_images_are_to_be_had():
    assert classifiers.lenet(units=500).count_params() == 431_080
    assert classifiers.lenet((32, 32, 3), 4).output_shape == (None, 4)
    assert classifiers.fully_connected((8, 8, 3), 2, units=(5,)).count_params() == 192 * 5 + 5 + 12
