"""models.adversarial: what a step trains against, and that it helps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.models.adversarial import ATTACKS, AdversarialTraining, cross_entropy


def blobs(n=400, seed=0):
    """Two classes: a strong feature, and many weak ones that are easily turned over."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, n)
    sign = 2 * label[:, None] - 1
    strong = np.where(random.random([n, 1]) < 0.97, 2 * sign, -sign) + random.normal(0, 0.1, [n, 1])
    weak = 0.25 * sign + random.normal(0, 1, [n, 40])
    x = 0.5 + 0.2 * np.concatenate([strong, weak], 1)
    return x.astype(np.float32), label.astype(np.int32)


def made(attack=None, *, classes=2, features=41, rate=0.02, regulariser=None, **options):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(classes, activation="softmax", kernel_regularizer=regulariser)
    net = keras.Sequential([keras.Input([features]), keras.layers.Dense(16, activation="tanh"),
                            dense])
    model = AdversarialTraining(net, attack=attack, bounds=(-2.0, 2.0), **options)
    model.compile(optimizer=keras.optimizers.SGD(rate, momentum=0.9))
    return model


def trained(attack, *, start=None, **options):
    model = made(attack, epsilon=0.1, **options)
    if start is not None:
        model.classifier.set_weights(start.classifier.get_weights())
    model.fit(*blobs(), batch_size=50, epochs=20, shuffle=False, verbose=0)
    return model


def fgsm_error(model, epsilon=0.2):
    x, label = blobs(seed=1)
    return float(np.mean(ops.fgsm(model.classify, x, epsilon=epsilon, label=label).fooled))


@pytest.fixture(scope="module")
def plain():
    return trained(None)


@pytest.mark.parametrize("attack, options", [
    ("fgsm", {}), ("pgd", {"alpha": 0.0, "steps": 4}), ("deepfool", {"norm": "linf", "steps": 5}),
])
def test_training_against_an_attack_lowers_the_error_under_one(plain, attack, options):
    hardened = trained(attack, start=plain, **options)
    assert fgsm_error(plain) > 0.9 and fgsm_error(hardened) < 0.6
    x, label = blobs(seed=1)
    assert np.mean(hardened.classifier.predict(x, verbose=0).argmax(1) == label) > 0.95


def test_fine_tuning_against_deepfool_moves_the_borders_away(plain):
    x, _ = blobs(seed=1)
    hardened = trained("deepfool", start=plain, norm="l2", steps=5)
    far = [np.mean(np.linalg.norm(ops.deepfool(model.classify, x).perturbation, axis=1))
           for model in (plain, hardened)]
    assert far[1] > 1.1 * far[0]


@pytest.mark.parametrize("regulariser", [None, keras.regularizers.L2(0.5)])
def test_without_an_attack_steps_and_measures_are_those_of_keras(regulariser):
    x, label = blobs(50)
    model, net = (made(regulariser=regulariser) for _ in range(2))
    net = net.classifier
    net.compile(optimizer=keras.optimizers.SGD(0.02, momentum=0.9), metrics=["accuracy"],
                loss="sparse_categorical_crossentropy")
    told = [one.fit(x, label, batch_size=25, epochs=2, shuffle=False, verbose=0,
                    validation_data=blobs(50, seed=1)).history for one in (model, net)]
    for a, b in zip(model.classifier.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert set(told[0]) == set(told[1]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for name in told[0]:
        np.testing.assert_allclose(told[0][name], told[1][name], rtol=1e-4)


def test_own_losses_are_added_once_to_a_mixture():
    x, label = (tf.constant(v[:8]) for v in blobs())
    plain, other = (made("fgsm", regulariser=keras.regularizers.L2(one)) for one in (0.0, 0.5))
    added = 0.5 * np.sum(np.square(other.classifier.layers[-1].kernel))
    loss = [float(model.train_step((x, label))["loss"]) for model in (plain, other)]
    assert loss[1] - loss[0] == pytest.approx(added, rel=1e-4)


def test_a_step_goes_down_the_mixture_of_both_losses():
    """Goodfellow's section 6: alpha J(x) + (1 - alpha) J(x + epsilon sign), x' held fixed."""
    x, label = (tf.constant(v[:8]) for v in blobs())
    model, other = (made("fgsm", alpha=0.3, rate=0.1) for _ in range(2))
    bad = ops.fgsm(other.classify, x, epsilon=0.1, label=label, clip=(-2.0, 2.0)).perturbed
    with tf.GradientTape() as tape:
        loss = 0.3 * cross_entropy(label, other.classify(x))
        loss += 0.7 * cross_entropy(label, other.classify(bad))
    gradients = tape.gradient(loss, other.trainable_weights)
    logs = model.train_step((x, label))
    assert float(logs["loss"]) == pytest.approx(float(loss), rel=1e-5)
    for weight, start, gradient in zip(model.trainable_weights, other.trainable_weights, gradients,
                                       strict=True):
        np.testing.assert_allclose(weight, start - 0.1 * gradient, atol=1e-6)


@pytest.mark.parametrize("options, told", [
    ({"steps": 3}, {"norm": "l2"}),
    *[({"norm": "linf", "num_classes": 2, "overshoot": 0.7, "linearise_at": "overshot",
        "max_iterations": 1},) * 2],
])
def test_deepfool_s_options_count_in_training_and_in_what_is_exported(options, told):
    x = tf.constant(blobs()[0][:30])
    model = made("deepfool", classes=4, **options)
    most = {"max_iterations": 3} | told
    found = ops.deepfool(model.classify, x, **most)
    np.testing.assert_allclose(model.perturb(x, None, None), x + found.perturbation, atol=1e-6)
    image = tf.cast(tf.round(255 * tf.clip_by_value(x, 0, 1)), tf.uint8)
    found = ops.deepfool(model.classify, model.inputs_of(image), clip=model.bounds, **told)
    np.testing.assert_allclose(model.fool(image)["perturbation"], found.perturbation * 255 / 4,
                               atol=1e-3)


def test_images_become_numbers_of_the_classifier_s_range():
    image = tf.constant([[0, 255, 51]], tf.uint8)
    model = made(features=3)
    np.testing.assert_allclose(model.inputs_of(image), [[-2, 2, -1.2]], atol=1e-6)
    np.testing.assert_allclose(model.inputs_of(tf.constant([[0.5]])), [[0.5]])


def test_starts_of_pgd_belong_to_examples():
    x, label = (tf.constant(v[:6]) for v in blobs())
    model = made("pgd", steps=2, epsilon=0.5)
    index = tf.range(6, dtype=tf.int64)
    whole = model.perturb(x, label, index)
    half = model.perturb(x[3:], label[3:], index[3:])
    np.testing.assert_allclose(whole[3:], half, atol=1e-6)
    assert np.max(np.abs(whole - x)) <= 0.5 + 1e-6


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_is_saved_and_loaded_and_goes_on(attack, tmp_path):
    x, label = blobs(20)
    model = made(attack, steps=2)
    model.fit(x, label, batch_size=10, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    assert int(other.optimizer.iterations) == 2 and other.attack == attack
    np.testing.assert_array_equal(other.classify(x), model.classify(x))
    for one in (model, other):
        one.fit(x, label, batch_size=10, verbose=0, shuffle=False)
    np.testing.assert_allclose(other.classify(x), model.classify(x), atol=1e-6)


def test_a_step_compiles_under_xla():
    x, label = blobs(20)
    found = []
    for jit in (False, True):
        model = made("deepfool", steps=3)
        model.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=jit)
        model.fit(x, label, batch_size=10, verbose=0, shuffle=False)
        found.append(model.classify(x).numpy())
    np.testing.assert_allclose(*found, atol=1e-4)


def test_fool_gives_whole_levels_within_images_and_their_class():
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input([4, 4, 1]), keras.layers.Flatten(), keras.layers.Dense(3)])
    model = AdversarialTraining(net)
    image = np.random.default_rng(0).integers(0, 256, [5, 4, 4, 1], np.uint8)
    told = model.fool(tf.constant(image))
    change = told["perturbation"].numpy()
    np.testing.assert_array_equal(told["perturbed"], np.round(image + change))
    seen = model.look(told["perturbed"])
    np.testing.assert_array_equal(told["new_label"], seen["label"])
    assert np.mean(seen["label"] != model.look(tf.constant(image))["label"]) > 0.5
    np.testing.assert_allclose(np.sum(seen["probabilities"], 1), 1, rtol=1e-5)


@pytest.mark.parametrize("options", [
    {"attack": "noise"}, {"alpha": 1.5}, {"bounds": (1.0, 0.0)}, {"epsilon": -1.0}, {"steps": 0},
    {"step": 0.0},
])
def test_arguments_that_make_no_sense_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"Expected .*Received: .*{name}="):
        AdversarialTraining(made().classifier, **options)


@pytest.mark.parametrize("label, told", [
    (np.zeros([20, 1], np.int32), "int32"), (np.eye(2, dtype=np.float32)[[0, 1] * 10], "float32"),
    (np.zeros(20, np.float32), "float32"),
])
def test_labels_are_numbers_of_classes(label, told):
    with pytest.raises(ValueError, match=rf"Expected labels int \[b\].*Received: {told}"):
        made().fit(blobs(20)[0], label, verbose=0)


@pytest.mark.parametrize("options", [
    {"sample_weight": np.ones(20)}, {"class_weight": {0: 1.0, 1: 2.0}},
])
def test_weights_of_examples_are_refused_by_name(options):
    with pytest.raises(ValueError, match="without sample_weight or class_weight"):
        made().fit(*blobs(20), verbose=0, **options)
    with pytest.raises(ValueError, match="Received: parts=1"):
        made().fit(blobs(20)[0], verbose=0)
