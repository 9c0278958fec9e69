"""layers.alignment: the T-Net starts at the identity; its penalty belongs to each matrix alone."""

import keras
import numpy as np
import tensorflow as tf

from tfvision.layers.alignment import TNet, orthogonality

RANDOM = np.random.default_rng(0)


def orthogonal(b, d):
    return np.stack([np.linalg.qr(RANDOM.normal(size=[d, d]))[0] for _ in range(b)])


def test_before_training_the_matrix_is_the_identity():
    points = RANDOM.normal(size=[3, 20, 4]).astype(np.float32)
    layer = TNet((5, 6, 7), (8,))
    for training in (True, False):
        found = layer(points, training=training)
        np.testing.assert_array_equal(found, np.broadcast_to(np.eye(4), [3, 4, 4]))


def test_the_penalty_of_a_batch_of_orthogonal_matrices_is_zero():
    """A formula that multiplies matrices of different sets gives 248 here."""
    found = orthogonality(tf.constant(orthogonal(4, 8), tf.float32))
    np.testing.assert_allclose(found, np.zeros(4), atol=1e-9)


def test_the_penalty_is_the_frobenius_norm_of_each_matrix():
    matrices = RANDOM.normal(size=[5, 3, 3])
    truth = [np.linalg.norm(np.eye(3) - a @ a.T) ** 2 for a in matrices]
    np.testing.assert_allclose(orthogonality(tf.constant(matrices)), truth, rtol=1e-5)


def test_the_order_of_points_does_not_matter():
    layer = TNet((5, 6, 7), (8,))
    points = RANDOM.normal(size=[2, 20, 3]).astype(np.float32)
    layer(points, training=True)
    layer.last.kernel.assign(RANDOM.normal(size=layer.last.kernel.shape))
    turned = layer(points[:, RANDOM.permutation(20)])
    np.testing.assert_array_equal(layer(points), turned)
    assert np.abs(turned - np.eye(3)).max() > 0.01


def test_it_is_saved_and_loaded(tmp_path):
    model = keras.Sequential([keras.Input([None, 3]), TNet((4, 5), (6,), momentum=0.5)])
    points = RANDOM.normal(size=[2, 7, 3]).astype(np.float32)
    model.layers[0].last.kernel.assign(RANDOM.normal(size=[6, 9]))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(points), model(points))
    assert loaded.layers[0].get_config() == model.layers[0].get_config()
