"""losses.batch: a loss with its options, saved and loaded, and how triplets are mined."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.losses import metric, mining
from tfvision.losses.batch import BatchLoss, triplets

LABELS = [0, 0, 0, 1, 1, 2]
X = tf.constant(np.random.default_rng(0).normal(size=[6, 4]).astype(np.float32))


@pytest.mark.parametrize("mining_, expected", [
    ("semihard", lambda: metric.triplet_semihard(LABELS, X, margin=0.3)),
    ("semihard_tfa", lambda: metric.triplet_semihard(LABELS, X, margin=0.3, definition="tfa")),
    ("hard", lambda: metric.triplet_hard(LABELS, X, margin=0.3)),
    ("all", lambda: metric.triplet_all(LABELS, X, margin=0.3)),
])
def test_mining_chooses_the_function(mining_, expected):
    np.testing.assert_array_equal(triplets(mining_, margin=0.3)(LABELS, X), expected())


@pytest.mark.parametrize("loss", [
    triplets("semihard_tfa", margin=0.3, distance="sql2"), triplets("all", soft=True),
    BatchLoss(metric.npairs_of), BatchLoss(metric.lifted_structure, margin=2.0),
])
def test_a_saved_loss_gives_the_same_values(loss):
    saved = keras.saving.serialize_keras_object(loss)
    loaded = keras.saving.deserialize_keras_object(saved)
    assert loaded.options == loss.options
    np.testing.assert_array_equal(loaded(LABELS, X), loss(LABELS, X))


def test_the_active_share_is_in_the_loss_s_own_distance_and_margin():
    same = mining.equal_pairs(LABELS)
    squares = tf.reduce_sum((X[:, None] - X) ** 2, -1)
    found = triplets("hard", margin=2.0, distance="sql2").active(LABELS, X)
    np.testing.assert_allclose(found, mining.active_triplets(squares, same, margin=2.0), rtol=1e-6)
    soft = triplets("hard", margin=2.0, soft=True).active(LABELS, X)
    np.testing.assert_allclose(soft, mining.active_triplets(squares**0.5, same), rtol=1e-6)


@pytest.mark.parametrize("options", [{"mining": "easy"}, {"mining": "semihard", "soft": True}])
def test_what_is_no_way_of_mining_triplets_is_refused(options):
    with pytest.raises(ValueError, match="Expected mining of triplets .* Received: mining="):
        triplets(**options)
