"""models.spatial_transformer: the paper's networks, and what a system of them learns to look at."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import layers
from tfvision.models import spatial_transformer as nets

SHAPE = (28, 28, 1)


def system(transformer=True, rate=2e-3, **options):
    keras.utils.set_random_seed(0)
    classifier = keras.Sequential([
        keras.Input((10, 10, 1)), keras.layers.Flatten(), keras.layers.Dense(3)
    ])
    front = None
    if transformer:
        local = keras.Sequential([
            keras.Input((10, 10, 1)), keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
        ])
        front = layers.SpatialTransformer(local, **options)
    model = nets.SpatialTransformerNetwork(classifier, front, shape=(10, 10, 1))
    model.compile(**{name: keras.optimizers.Adam(rate) for name in model.updates()})
    return model


def shifted(count, seed=0):
    """Bars of three lengths, each anywhere: image uint8 [n, 10, 10, 1], label int32 [n]."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 3, count).astype(np.int32)
    image = np.zeros([count, 10, 10, 1], np.uint8)
    for one, length in zip(image, label + 3, strict=True):
        y, x = random.integers(0, 9), random.integers(0, 11 - length)
        one[y : y + 2, x : x + length] = 255
    return {"image": image, "label": label}


def trained(model, steps=300):
    data = tf.data.Dataset.from_tensor_slices(shifted(64 * steps)).batch(64)
    return model, model.fit(data, shuffle=False, verbose=0, epochs=1, steps_per_epoch=steps)


def test_the_networks_are_the_paper_s():
    assert nets.cnn(SHAPE, 10).count_params() == 81 * 32 + 32 + 49 * 32 * 64 + 64 + 256 * 10 + 10
    assert nets.fcn(SHAPE, 10, units=128).count_params() == 785 * 128 + 129 * 128 + 129 * 10
    sides = [w.shape for w in nets.cnn_localisation(SHAPE).weights if len(w.shape) == 4]
    assert sides == [(5, 5, 1, 20), (5, 5, 20, 20)]
    assert nets.cnn_localisation((42, 42, 1)).output_shape == (None, 20)
    assert nets.fcn_localisation(SHAPE).count_params() == 785 * 32 + 2 * 33 * 32
    assert 380_000 < nets.cnn(SHAPE, 10, filters=(64, 128)).count_params() < 420_000
    halved = nets.cnn((42, 42, 1), 10, reduce=2)
    assert halved.layers[1].output.shape[1] == 21 and halved.output_shape == (None, 10)


def test_normalised_networks_have_a_mean_and_a_gain_for_each_channel_in_place_of_a_bias():
    for make, channels in ((lambda **o: nets.cnn(SHAPE, 10, **o), 32 + 64),
                           (lambda **o: nets.cnn_localisation(SHAPE, **o), 20 + 20)):
        plain, normalised = make().count_params(), make(normalise=True).count_params()
        assert normalised - plain == 3 * channels
    image = np.random.default_rng(0).uniform(size=[8, *SHAPE])
    net = nets.cnn(SHAPE, 10, normalise=True)
    assert np.abs(net(image, training=True) - net(image, training=False)).max() > 0.1


def test_images_too_small_for_the_cnn_are_refused():
    with pytest.raises(ValueError, match="Received: shape=\\(28, 28, 1\\), reduce=2"):
        nets.cnn(SHAPE, 10, reduce=2)


def test_a_system_with_an_untrained_transformer_answers_as_without():
    with_one, without = system(), system(transformer=False)
    without.set_weights(with_one.classifier.get_weights() + [
        v.numpy() for v in without.variables[2:]
    ])
    image = shifted(5)["image"] / np.float32(255)
    np.testing.assert_allclose(with_one(image), without(image), atol=1e-5)


@pytest.mark.parametrize("transform", ["attention", "affine"])
def test_it_learns_where_to_look_from_classes_alone(transform):
    """What is handed on has its bar in one place, and a linear classifier is enough for that."""
    test = shifted(500, seed=1)
    errors = {}
    for name in (None, transform):
        model, _ = trained(system(transformer=bool(name), transform=name or "affine"))
        found = model.look(tf.constant(test["image"]))
        errors[name] = np.mean(found["label"].numpy() != test["label"])
    assert errors[transform] < 0.6 * errors[None]


def test_each_optimiser_moves_its_own_weights():
    model = system()
    model.localisation_optimizer.learning_rate = 0.0
    before = [w.numpy() for w in model.trainable_weights]
    for _ in range(2):
        model.train_step({k: tf.constant(v) for k, v in shifted(8).items()})
    still = [w for a, w in zip(before, model.trainable_weights, strict=True)
             if np.array_equal(a, w.numpy())]
    assert {id(w) for w in still} == {id(w) for w in model.transformer.trainable_weights}


def test_a_step_follows_the_gradient_of_the_cross_entropy():
    model = system(rate=0.0)
    batch = {k: tf.constant(v) for k, v in shifted(16).items()}
    logits = model(batch["image"] / 255).numpy()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = model.train_step(batch)
    label = batch["label"].numpy()
    np.testing.assert_allclose(found["loss"], -np.log(p[np.arange(16), label]).mean(), rtol=1e-4)
    np.testing.assert_allclose(found["error"], np.mean(logits.argmax(1) != label), rtol=1e-5)


def test_look_tells_where_the_corners_of_what_is_handed_on_lie():
    model = system()
    image = tf.constant(shifted(3)["image"])
    found = model.look(image)
    corners = [[0, 0], [9, 0], [9, 9], [0, 9]]
    np.testing.assert_allclose(found["outline"], np.tile(corners, (3, 1, 1, 1)), atol=1e-5)
    assert found["transformed"].shape == (3, 1, 10, 10, 1) and found["theta"].shape == (3, 1, 6)
    np.testing.assert_allclose(np.sum(found["probabilities"], 1), 1, rtol=1e-5)
    border = model.border(image).numpy()
    assert border.shape == (3, 1, 36, 2) and len({tuple(p) for p in border[0, 0].round(3)}) == 36
    assert (np.isclose(border, 0, atol=1e-4) | np.isclose(border, 9, atol=1e-4)).any(-1).all()


def fine(parts=2):
    keras.utils.set_random_seed(0)
    make = nets.trunk
    local = nets.part_localisation(make((16, 16, 3), widths=(4, 4), name="whole"), units=8)
    front = layers.SpatialTransformer(
        local, transform="location", size=(16, 16), count=parts, scale=0.5
    )
    nets_of_parts = [make((16, 16, 3), widths=(4,), name=f"part_{i}") for i in range(parts)]
    classifier = nets.part_classifier(nets_of_parts, 4, dropout=0.5)
    model = nets.SpatialTransformerNetwork(classifier, front, shape=(32, 32, 3))
    model.compile(**{name: keras.optimizers.Adam(0.01) for name in model.updates()})
    return model


def test_parallel_transformers_show_parts_of_half_the_size_to_networks_of_their_own():
    model = fine(4)
    image = np.random.default_rng(0).integers(0, 256, [2, 32, 32, 3], np.uint8)
    found = model.look(tf.constant(image))
    assert found["theta"].shape == (2, 4, 2) and found["transformed"].shape == (2, 4, 16, 16, 3)
    first = found["outline"].numpy()[0]
    np.testing.assert_allclose(first[:, 2] - first[:, 0], 15.5, atol=1e-4)
    np.testing.assert_allclose(first[0, 0], 0, atol=1e-4)
    np.testing.assert_allclose(first[3, 2], 31, atol=1e-4)
    labels = np.array([0, 1], np.int32)
    before = [w.numpy() for w in model.trainable_weights]
    for _ in range(4):
        model.train_step({"image": tf.constant(image), "label": tf.constant(labels)})
    assert all(np.any(a != b.numpy())
               for a, b in zip(before, model.trainable_weights, strict=True))


def test_a_saved_system_looks_as_before(tmp_path):
    model = fine()
    model.transformer.head.kernel.assign(
        np.random.default_rng(0).normal(0, 0.3, model.transformer.head.kernel.shape)
    )
    model.save(tmp_path / "birds.keras")
    loaded = keras.models.load_model(tmp_path / "birds.keras")
    image = tf.constant(np.random.default_rng(0).integers(0, 256, [2, 32, 32, 3], np.uint8))
    before, after = model.look(image), loaded.look(image)
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-5)


@pytest.mark.slow
def test_inception_serves_as_a_backbone():
    net = nets.inception((80, 80, 3), name="whole")
    assert net.output_shape[1:] == (1, 1, 2048)
    model = nets.part_localisation(net, units=4)
    assert model.input_shape == (None, 160, 160, 3) and model.output_shape == (None, 4)
