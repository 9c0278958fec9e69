"""models.siamese: the networks, what a step compares, and what it learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.layers.embedding import WeightedL1
from tfvision.losses import metric
from tfvision.losses.batch import BatchLoss, triplets
from tfvision.models import siamese

LABEL = np.repeat(np.arange(4), 3)


def net(dimensions=3, activation=None):
    image = keras.Input([4, 4, 1])
    last = keras.layers.Dense(dimensions, activation=activation, use_bias=False)
    return keras.Model(image, last(keras.layers.Flatten()(image)))


def model(rate=0.1, net=net, **options):
    keras.utils.set_random_seed(1)
    made = siamese.Siamese(net(), group=6, **options)
    made.compile(optimizer=keras.optimizers.SGD(rate))
    return made


def batch(seed=0):
    """Four classes, each an image and three noisy copies of it."""
    random = np.random.default_rng(seed)
    image = random.random([4, 4, 4, 1])[LABEL] + random.normal(0, 0.05, [12, 4, 4, 1])
    return {"image": image.astype(np.float32), "label": LABEL}


def data(count):
    return tf.data.Dataset.from_tensors(batch()).repeat(count)


def test_the_small_network_is_small_and_gives_unit_vectors():
    small = siamese.small()
    assert small.count_params() <= 500_000
    found = small(np.random.default_rng(0).random([2, 35, 35, 1], np.float32))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    assert siamese.small(dimensions=7, unit_length=False).output_shape == (None, 7)
    sizes = [w.shape for w in siamese.small(widths=(4, 8), depth=2).weights if len(w.shape) == 4]
    assert sizes == [(3, 3, 1, 4), (3, 3, 4, 8), (3, 3, 8, 8)]


def test_koch_s_network_is_the_paper_s():
    koch = siamese.koch(init="paper")
    assert koch.count_params() == 38_947_648
    layers = [layer for layer in koch.layers if isinstance(layer, keras.layers.Conv2D)]
    sides = [layer.output.shape[1] for layer in layers]
    assert sides == [96, 42, 18, 6] and koch.output_shape == (None, 4096)
    last = koch.layers[-2]
    assert abs(float(np.std(last.kernel)) - 0.2) < 0.001
    assert abs(float(np.mean(last.bias)) - 0.5) < 0.001


@pytest.mark.parametrize("options", [
    {}, {"mining": "hard"}, {"mining": "hard", "count": 2}, {"head": WeightedL1, "rate": 0.5},
    {"form": "tfa", "rate": 0.05}, {"form": "linear", "rate": 0.01},
    {"batch_loss": triplets("semihard", margin=0.5)},
    {"batch_loss": triplets("semihard_tfa", margin=0.5)},
    {"batch_loss": triplets("hard", margin=0.5)}, {"batch_loss": triplets("all", margin=0.5)},
    {"batch_loss": triplets("hard", soft=True)}, {"batch_loss": BatchLoss(metric.lifted_structure)},
    {"batch_loss": BatchLoss(metric.npairs_of), "floor": np.log(3)},  # Three of a class.
])
def test_it_learns_to_tell_classes_apart(options):
    options = options | ({"head": options["head"]()} if "head" in options else {})
    floor = options.pop("floor", 0)
    trained = model(**options)
    history = trained.fit(data(200), epochs=3, shuffle=False, verbose=0).history
    assert history["loss"][-1] - floor < 0.5 * (history["loss"][0] - floor)
    embedding = trained(batch(0)["image"]).numpy()
    distance = trained.distances(tf.constant(embedding)).numpy()
    np.fill_diagonal(distance, np.inf)
    np.testing.assert_array_equal(LABEL[distance.argmin(1)], LABEL)


def weights_after_a_step(made, part):
    made.train_step({name: tf.constant(rows) for name, rows in part.items()})
    return [weight.numpy() for weight in made.trainable_weights]


def halves():
    return [{name: rows[part] for name, rows in batch().items()}
            for part in (slice(0, 6), slice(6, 12))]


@pytest.mark.parametrize("head", [None, WeightedL1])
def test_without_mining_the_step_of_a_batch_is_the_mean_of_its_shares_steps(head):
    start = [w.numpy() for w in model(head=head and head()).trainable_weights]
    whole = weights_after_a_step(model(head=head and head()), batch())
    parts = [weights_after_a_step(model(head=head and head()), part) for part in halves()]
    for w0, w, a, b in zip(start, whole, *parts, strict=True):
        np.testing.assert_allclose(w, (a + b) / 2, atol=1e-6)
        assert np.abs(w - w0).max() > 1e-5


def test_without_mining_the_loss_is_the_mean_over_pairs_inside_groups():
    made = model(rate=0.0)
    embedding = made(batch()["image"]).numpy()
    expected = []
    for first in (0, 6):
        for i in range(first, first + 6):
            for j in range(first, i):
                d = np.linalg.norm(embedding[i] - embedding[j])
                expected.append(d**2 / 2 if LABEL[i] == LABEL[j] else max(0, 1 - d) ** 2 / 2)
    found = made.train_step({name: tf.constant(rows) for name, rows in batch().items()})
    np.testing.assert_allclose(found["loss"], np.mean(expected), rtol=1e-5)


def test_with_mining_the_loss_is_the_mean_over_each_example_s_hardest_pairs():
    made = model(rate=0.0, mining="hard")
    embedding = made(batch()["image"]).numpy()
    distance = np.linalg.norm(embedding[:, None] - embedding, axis=-1)
    same = LABEL[:, None] == LABEL
    far = np.where(same, distance, -1).max(1)
    near = np.where(same, np.inf, distance).min(1)
    expected = np.mean([far**2 / 2, np.maximum(0, 1 - near) ** 2 / 2])
    found = made.test_step({name: tf.constant(rows) for name, rows in batch().items()})
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-5)


def test_a_head_makes_it_koch_s_cross_entropy():
    made = model(rate=0.0, head=WeightedL1())
    embedding = made(batch()["image"]).numpy()
    apart = np.abs(embedding[:, None] - embedding)
    p = 1 / (1 + np.exp(-(apart @ made.head.alpha.numpy() + made.head.bias.numpy())))
    same = LABEL[:, None] == LABEL
    value = -np.log(np.where(same, p, 1 - p))
    counted = np.kron(np.eye(2), np.ones([6, 6])) - np.eye(12) > 0
    found = made.train_step({name: tf.constant(rows) for name, rows in batch().items()})
    np.testing.assert_allclose(found["loss"], value[counted].mean(), rtol=1e-5)


def test_a_loss_of_the_batch_is_the_mean_over_it():
    made = model(rate=0.0, batch_loss=triplets("hard", margin=0.5))
    embedding = made(batch()["image"])
    found = made.train_step({name: tf.constant(rows) for name, rows in batch().items()})
    expected = tf.reduce_mean(metric.triplet_hard(LABEL, embedding, margin=0.5))
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-6)
    active = metric.active(LABEL, embedding, margin=0.5)
    np.testing.assert_allclose(found["active_triplets"], active, rtol=1e-6)
    assert 0 < float(active) < 1 and "active_negatives" not in found


def test_hadsell_s_form_trains_as_the_lecture_s():
    steps = [weights_after_a_step(model(form=form), batch()) for form in ("lecture", "hadsell")]
    for one, other in zip(*steps, strict=True):
        np.testing.assert_array_equal(one, other)


def test_bright_ink_is_the_ink_of_the_negative():
    image = np.random.default_rng(0).integers(0, 256, [2, 8, 8, 1], np.uint8)
    dark, bright = model(), model(bright_ink=True)
    np.testing.assert_allclose(dark.ink(255 - image), bright.ink(image), atol=1e-6)


def test_a_collapse_shows_in_the_logs():
    made = model(rate=0.0)
    for weight in made.trainable_weights:
        weight.assign(tf.zeros_like(weight))
    found = made.train_step({name: tf.constant(rows) for name, rows in batch().items()})
    assert float(found["mean_distance"]) == 0 and float(found["active_negatives"]) == 1
    assert float(found["collapsed"]) == 1
    embedding = tf.constant(np.eye(12, dtype=np.float32))[tf.newaxis]
    same = tf.equal(LABEL[:, None], LABEL)[tf.newaxis]
    seen = made.watched(embedding, same, made.distances(embedding))
    assert float(seen["active_negatives"]) == 0
    np.testing.assert_allclose(seen["mean_distance"], np.sqrt(2), rtol=1e-5)
    assert float(seen["collapsed"]) == 0


def test_one_class_alone_gives_a_finite_step():
    for mining in ("none", "hard"):
        made = model(mining=mining)
        part = batch() | {"label": np.zeros(12, int)}
        part["image"] = np.ones_like(part["image"])
        assert all(np.isfinite(w).all() for w in weights_after_a_step(made, part))


@pytest.mark.parametrize("side", [4, 8, 12])
def test_embed_takes_images_as_published_of_any_size(side):
    made = model()
    image = np.random.default_rng(0).integers(0, 256, [2, side, side, 1], np.uint8)
    small = 1 - image.reshape(2, 4, side // 4, 4, side // 4, 1).mean((2, 4)) / 255
    np.testing.assert_allclose(made.embed(tf.constant(image)), made(small), atol=1e-5)


@pytest.mark.parametrize("head", [None, WeightedL1])
def test_a_saved_model_embeds_and_compares_as_before(tmp_path, head):
    made = model(mining="hard", count=2, margin=0.7, head=head and head())
    made.fit(data(2), shuffle=False, verbose=0)
    made.save(tmp_path / "twins.keras")
    loaded = keras.models.load_model(tmp_path / "twins.keras")
    image = batch()["image"]
    np.testing.assert_array_equal(loaded(image), made(image))
    np.testing.assert_array_equal(loaded.distances(made(image)), made.distances(made(image)))
    assert (loaded.mining, loaded.count, loaded.margin) == ("hard", 2, 0.7)


def test_a_saved_model_keeps_its_batch_loss(tmp_path):
    made = model(batch_loss=triplets("semihard", margin=0.7), bright_ink=True)
    made.save(tmp_path / "twins.keras")
    loaded = keras.models.load_model(tmp_path / "twins.keras")
    assert loaded.bright_ink and loaded.batch_loss.options == made.batch_loss.options
    part = {name: tf.constant(rows) for name, rows in batch().items()}
    np.testing.assert_allclose(loaded.test_step(part)["loss"], made.test_step(part)["loss"])


def test_a_way_of_mining_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="mining='easy'"):
        siamese.Siamese(net(), mining="easy")


def test_a_head_and_a_batch_loss_are_refused_together():
    with pytest.raises(ValueError, match="both"):
        siamese.Siamese(net(), head=WeightedL1(), batch_loss=triplets("hard"))
