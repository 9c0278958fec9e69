"""apps.deepfool: your own classifier, starts, names of metrics, what is refused."""

import dataclasses
import importlib

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import engine
from tfvision.commands import export

app = importlib.import_module("tfvision.apps.deepfool")
tiny = dataclasses.replace
PLAIN = tiny(app.TINY, adversarial="none")


@pytest.fixture
def pictures(tmp_path):
    random = np.random.default_rng(0)
    for i in range(12):
        folder = tmp_path / "pictures" / ("left", "right")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        image = random.integers(0, 200, [20, 30, 3], np.uint8)
        image[:, 15 * (i % 2) :][:, :15] += 50
        cv2.imwrite(str(folder / f"{i:02d}.png"), image)
    return tmp_path / "pictures"


@pytest.fixture
def classifier(tmp_path):
    """A user's: RGB of any range, softmax at the end, a layer whose gradient is not exported."""
    keras.utils.set_random_seed(0)
    net = keras.Sequential([
        keras.Input([16, 16, 3]), keras.layers.Rescaling(1 / 127.5, offset=-1),
        keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.AveragePooling2D(2),
        keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax"),
    ])
    net.save(tmp_path / "mine.keras")
    return tmp_path / "mine.keras"


def own(pictures, classifier, tmp_path, **options):
    return tiny(
        PLAIN, data="folder", root=pictures, classifier=classifier, steps=0, bounds=(0.0, 255.0),
        run=tmp_path / "run", images=0, max_iterations=20, **options,
    )


def test_your_own_classifier_is_attacked_on_your_images(pictures, classifier, tmp_path, capsys):
    config = own(pictures, classifier, tmp_path)
    app.train(engine.build(app, config), config)
    model = export.restored(app, config)
    truth = keras.models.load_model(classifier)
    image = app.load(model, config, "validation")["image"]
    assert image.shape[1:] == (16, 16, 3)
    np.testing.assert_allclose(model.look(tf.constant(image))["probabilities"],
                               truth(image.astype(np.float32)), atol=1e-6)
    scores = app.evaluate(model, config)
    assert np.all(np.isfinite(list(scores.values())))
    assert scores["fooled"] == 1 and "rho_classifier" in scores and "error_percent" not in scores
    assert 0 < scores["median_linf"] < 255 and scores["median_l2"] > scores["median_linf"]
    assert app.draw(model, config).dtype == np.uint8 and app.classes(config) == []
    assert list(app.serve(model)) == ["serving_default"]
    assert "average_pooling2d" in capsys.readouterr().out
    assert {e["image"].shape[1:] for e in app.examples(config)} == {(16, 16, 3)}


def test_a_folder_for_each_class_trains_a_classifier(pictures, classifier, tmp_path):
    config = own(pictures, classifier, tmp_path)
    config = tiny(config, data="class_folders", steps=2, batch_size=4, adversarial="pgd")
    model = engine.build(app, config)
    app.train(model, config)
    assert app.classes(config) == ["left", "right"]
    assert "error_percent" in app.evaluate(model, config)
    small = tiny(config, classifier=None, size=16, network="lenet", filters=(2, 3))
    assert engine.build(app, small).classifier.output_shape == (None, 2)


@pytest.mark.parametrize("options, name", [
    ({}, "fc"), ({"network": "lenet"}, "lenet"), ({"adversarial": "pgd"}, "fc_pgd_half_trained"),
    ({"start": "a", "adversarial": "deepfool"}, "fc_deepfool_half_tuned"),
    ({"start": "a", "adversarial": "deepfool", "alpha": 0.0}, "fc_deepfool_tuned"),
    ({"adversarial": "deepfool", "alpha": 0.3}, "fc_deepfool_0.3_trained"),
    ({"start": "a", "adversarial": "fgsm", "perturb": "once"}, "fc_fgsm_once"),
    ({"start": "a", "perturb": "once"}, "fc_clean_tuned"),
    ({"classifier": "m.keras"}, "classifier"),
])
def test_the_network_and_its_training_are_in_the_metric_s_name(options, name):
    assert app.metric(tiny(PLAIN, **options)) == name


def test_a_start_is_another_run_s_network(tmp_path):
    first = tiny(PLAIN, run=tmp_path / "first")
    model = engine.build(app, first)
    app.train(model, first)
    later = tiny(first, run=tmp_path / "later", start=first.run, steps=0, seed=7)
    tuned = engine.build(app, later)
    app.train(tuned, later)
    for a, b in zip(tuned.classifier.get_weights(), model.classifier.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(tuned.optimizer.iterations) == 0
    with pytest.raises(ValueError, match="no checkpoint"):
        app.train(tuned, tiny(later, start=tmp_path / "nowhere"))


@pytest.mark.parametrize("kind", ["fgsm", "deepfool"])
def test_all_images_can_be_perturbed_before_the_first_step(kind):
    config = tiny(PLAIN, units=(20, 10), adversarial=kind, perturb="once", epsilon=0.05,
                  pgd_steps=5)
    model = engine.build(app, config)
    assert model.attack is None
    known = {name: rows[:30] for name, rows in app.load(model, config, "fit").items()}
    x = app.inputs(model, known["image"]).numpy()
    bad = app.perturbed_once(model, config, known)
    assert bad.shape == x.shape and bad.min() >= 0 and bad.max() <= 1
    changed = np.abs(bad - x).max((1, 2, 3))
    assert np.mean(changed > 0) > 0.9 and (kind == "deepfool" or changed.max() <= 0.05 + 1e-6)


def test_a_network_that_knows_nothing_is_not_attacked_before_its_training():
    config = tiny(PLAIN, adversarial="deepfool", perturb="once")
    with pytest.raises(ValueError, match="Expected --start with --perturb once"):
        app.train(engine.build(app, config), config)


@pytest.mark.parametrize("kind", ["fgsm", "pgd"])
def test_each_attack_is_measured_and_drawn(kind):
    config = tiny(PLAIN, attack=kind, images=10)
    model = engine.build(app, config)
    scores = app.evaluate(model, config)
    assert scores["median_linf"] == pytest.approx(config.epsilon, rel=1e-5)
    assert app.draw(model, config).shape[-1] == 3
    assert app.evaluate(model, tiny(config, norm="l2"))["median_l2"] <= config.epsilon + 1e-6


@pytest.mark.parametrize("adversarial", ["fgsm", "pgd"])
def test_epsilon_is_a_share_of_the_range_of_the_classifier_s_inputs(adversarial):
    """Pixels of 0 to 255 and weights that expect them: the numbers are those of 0 to 1."""
    config = tiny(PLAIN, attack="fgsm", adversarial=adversarial, images=20)
    wide = tiny(config, bounds=(0.0, 255.0))
    model, other = engine.build(app, config), engine.build(app, wide)
    weights = model.classifier.get_weights()
    other.classifier.set_weights([weights[0] / 255, *weights[1:]])
    scores, others = app.evaluate(model, config), app.evaluate(other, wide)
    for name in ("fooled", "fgsm_epsilon_90", "pgd_accuracy"):
        assert scores[name] == pytest.approx(others[name], abs=1e-3)
    assert others["median_linf"] == pytest.approx(255 * scores["median_linf"], rel=1e-4)
    image, label = (tf.constant(app.load(model, config, "fit")[key][:9])
                    for key in ("image", "label"))
    found, far = (one.perturb(one.inputs_of(image), label, tf.range(9, dtype=tf.int64))
                  for one in (model, other))
    np.testing.assert_allclose(far, 255 * found, atol=0.01)


def test_the_flags_of_deepfool_count_in_what_is_exported():
    config = tiny(PLAIN, units=(20, 10), overshoot=0.5, max_iterations=1, norm="linf")
    model = engine.build(app, config)
    image = tf.constant(app.load(model, config, "validation")["image"][:20])
    found = app.attack_of(model.classify, tiny(config, clip=True), "deepfool", "linf",
                          model.inputs_of(image), None)
    np.testing.assert_allclose(model.fool(image)["perturbation"], 255 * found.perturbation,
                               atol=1e-3)


@keras.saving.register_keras_serializable("test_deepfool")
class Written(keras.Model):
    """A class of its own, that tells no shapes."""

    def __init__(self, **options):
        super().__init__(**options)
        self.flat, self.last = keras.layers.Flatten(), keras.layers.Dense(2)

    def call(self, x):
        return self.last(self.flat(x))


def test_a_class_of_its_own_cannot_be_served(pictures, classifier, tmp_path):
    net = Written()
    net(np.zeros([1, 16, 16, 3], np.float32))
    net.save(tmp_path / "written.keras")
    config = own(pictures, tmp_path / "written.keras", tmp_path, from_logits=True)
    with pytest.raises(ValueError, match="Sequential or functional.*Received: Written"):
        app.build(config)


def test_a_classifier_and_its_data_have_as_many_classes(pictures, classifier, tmp_path):
    (pictures / "up").mkdir()
    cv2.imwrite(str(pictures / "up" / "0.png"), np.zeros([16, 16, 3], np.uint8))
    config = tiny(own(pictures, classifier, tmp_path), data="class_folders")
    with pytest.raises(ValueError, match="Expected a classifier of 3 classes.*mine.keras with 2"):
        app.build(config)


def test_what_does_not_go_together_is_refused(pictures, classifier, tmp_path):
    config = own(pictures, classifier, tmp_path)
    with pytest.raises(ValueError, match="no such file"):
        app.build(tiny(config, classifier=tmp_path / "other.keras"))
    with pytest.raises(ValueError, match="Expected --classifier"):
        app.build(tiny(config, classifier=None))
    for options, told in (({"bounds": (1.0, 0.0)}, r"bounds=\(1"), ({"epsilon": -1.0}, "epsilon=-"),
                          ({"pgd_steps": 0}, "steps=0")):
        with pytest.raises(ValueError, match=f"Expected .*Received: .*{told}"):
            app.build(tiny(config, **options))
    model = engine.build(app, config)
    with pytest.raises(ValueError, match="Expected labels"):
        app.train(model, tiny(config, steps=3))
    with pytest.raises(ValueError, match="28 x 28"):
        app.load(model, tiny(config, data="embedded"), "validation")
    with pytest.raises(ValueError, match="--split test"):
        app.evaluate(model, tiny(config, train_split="train"))
