"""models.logits: what lies before a classifier's softmax, with the same weights."""

import keras
import numpy as np
import pytest

from tfvision.models.logits import logits_model

X = np.random.default_rng(0).normal(size=[6, 4]).astype(np.float32)
D = keras.layers.Dense


def classifier(*last, sequential=True):
    keras.utils.set_random_seed(0)
    layers = [D(5, activation="relu", name="first"), *last]
    if sequential:
        return keras.Sequential([keras.Input([4]), *layers])
    x = image = keras.Input([4])
    for layer in layers:
        x = layer(x)
    return keras.Model(image, x)


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@pytest.mark.parametrize("sequential", [True, False])
@pytest.mark.parametrize("last", [
    [D(3, activation="softmax")],
    [D(3, activation="softmax", use_bias=False)],
    [D(3), keras.layers.Softmax()],
    [D(3), keras.layers.Activation("softmax")],
])
def test_a_softmax_at_the_end_is_left_out(last, sequential):
    net = classifier(*[type(layer).from_config(layer.get_config()) for layer in last],
                     sequential=sequential)
    for from_logits in (None, False):
        z = logits_model(net, from_logits=from_logits)(X).numpy()
        np.testing.assert_allclose(softmax(z), net(X), atol=1e-6)
        assert np.abs(z.sum(1)).max() > 0.1


def test_logits_do_not_saturate_where_probabilities_do():
    net = classifier(D(3, activation="softmax"))
    net.layers[-1].kernel.assign(1000 * net.layers[-1].kernel)
    assert np.min(net(X)) == 0
    z = logits_model(net)(X).numpy()
    assert np.max(np.ptp(z, axis=1)) > 200 and np.all(np.isfinite(z))


def test_weights_are_shared():
    net = classifier(D(3, activation="softmax"))
    logits = logits_model(net)
    net.layers[-1].bias.assign([5.0, 6, 7])
    net.layers[0].kernel.assign(0 * net.layers[0].kernel)
    np.testing.assert_allclose(logits(X), [[5, 6, 7]] * 6)
    assert {id(w) for w in logits.trainable_weights} == {id(w) for w in net.trainable_weights}


def test_a_classifier_of_logits_is_taken_as_it_is():
    net = classifier(D(3))
    assert logits_model(net) is net and logits_model(net, from_logits=True) is net
    probabilities = classifier(D(3, activation="softmax"))
    assert logits_model(probabilities, from_logits=True) is probabilities


@pytest.mark.parametrize("last", [[D(1, activation="sigmoid")], [D(1)]])
def test_one_logit_of_two_classes_becomes_two(last):
    net = classifier(*[type(layer).from_config(layer.get_config()) for layer in last])
    z = logits_model(net)(X).numpy()
    assert z.shape == (6, 2)
    np.testing.assert_array_equal(z[:, 0], 0)
    said = net(X).numpy()[:, 0]
    np.testing.assert_allclose(1 / (1 + np.exp(-z[:, 1])) if last[0].activation.__name__ ==
                               "sigmoid" else z[:, 1], said, rtol=1e-5)


def reloaded(net, tmp_path):
    """As another process has it: Keras counts the names of layers from the start."""
    net.save(tmp_path / "net.keras")
    keras.utils.clear_session()
    return keras.models.load_model(tmp_path / "net.keras")


def test_a_loaded_classifier_may_have_layers_of_any_name(tmp_path):
    keras.utils.clear_session()
    x = image = keras.Input([4])
    x = keras.layers.Rescaling(2.0)(x)
    x = keras.layers.Concatenate()([x, image])
    net = reloaded(keras.Model(image, D(1, activation="sigmoid")(x)), tmp_path)
    assert [layer.name for layer in net.layers][1:3] == ["rescaling", "concatenate"]
    z = logits_model(net)(X).numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(z[:, 0] - z[:, 1])), net(X)[:, 0], rtol=1e-5)


@pytest.mark.parametrize("last", [("sigmoid", 1), ("softmax", 3)])
def test_logits_are_as_exact_as_the_classifier_whatever_the_policy(last, tmp_path):
    net = classifier(D(last[1], activation=last[0]))
    truth = logits_model(net)(X)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        found = logits_model(reloaded(net, tmp_path))(X)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, truth)


@pytest.mark.parametrize("last", [[D(3, activation="sigmoid")],
                                  [D(3), keras.layers.Activation("sigmoid")]])
def test_several_sigmoids_are_several_answers_and_refused(last):
    net = classifier(*[type(layer).from_config(layer.get_config()) for layer in last])
    for from_logits in (None, False):
        with pytest.raises(ValueError, match="one class per example.*3 sigmoids"):
            logits_model(net, from_logits=from_logits)
    assert logits_model(net, from_logits=True) is net


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.last = D(3)

    def call(self, x):
        return self.last(x)


def test_a_class_of_its_own_must_tell_what_it_gives():
    own = Own()
    own(X)
    with pytest.raises(ValueError, match="from_logits=True"):
        logits_model(own)
    assert logits_model(own, from_logits=True) is own


@pytest.mark.parametrize("net, options", [
    (lambda: classifier(D(3, activation="tanh")), {}),
    (lambda: classifier(D(3), keras.layers.Dropout(0.5)), {}),
    (lambda: classifier(D(3)), {"from_logits": False}),
    (lambda: classifier(keras.layers.Reshape([5, 1])), {}),
    (lambda: keras.Sequential([D(3)]), {}),
])
def test_other_ends_are_refused(net, options):
    with pytest.raises(ValueError, match="Expected a"):
        logits_model(net(), **options)
