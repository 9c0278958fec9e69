"""ops.deepfool: exact for linear classifiers, and what must hold for any."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.ops.deepfool import border_distance, linearise, nearest_border

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=[12, 4, 4, 1]).astype(np.float32)
DUAL = {"l2": 2, "linf": 1}


def linear(classes, seed=1):
    random = np.random.default_rng(seed)
    w, b = random.normal(size=[classes, 16]), random.normal(size=classes)

    def classify(x):
        flat = tf.reshape(x, [-1, 16])
        return tf.linalg.matmul(flat, w.astype(np.float32).T) + b.astype(np.float32)

    return classify, w, b


def curved(classes=5, seed=3):
    """A small network that is not linear."""
    keras.utils.set_random_seed(seed)
    net = keras.Sequential([
        keras.Input([4, 4, 1]), keras.layers.Conv2D(6, 3, padding="same"),
        keras.layers.MaxPooling2D(), keras.layers.Flatten(),
        keras.layers.Dense(32, activation="softplus"), keras.layers.Dense(classes),
    ])
    return partial(net, training=False)


def lengths(r, norm):
    return np.linalg.norm(r.reshape(len(r), -1), np.inf if norm == "linf" else 2, axis=1)


def exact_distance(w, b, x, norm):
    """To the nearest of the planes between the class of x and another, in float64."""
    f = x.reshape(len(x), -1).astype(np.float64) @ w.T + b
    found = np.full(len(x), np.inf)
    for i, own in enumerate(f.argmax(1)):
        for k in set(range(len(b))) - {own}:
            size = np.linalg.norm(w[k] - w[own], DUAL[norm])
            found[i] = min(found[i], (f[i, own] - f[i, k]) / size)
    return found


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("classes", [2, 7])
@pytest.mark.parametrize("linearise_at", ["plain", "overshot"])
def test_a_linear_classifier_is_fooled_in_one_step_at_its_exact_distance(
    norm, classes, linearise_at
):
    classify, w, b = linear(classes)
    found = ops.deepfool(classify, X, norm=norm, linearise_at=linearise_at, nudge=0.0)
    np.testing.assert_array_equal(found.iterations, 1)
    assert np.all(found.fooled)
    before = lengths(found.perturbation.numpy() / 1.02, norm)
    np.testing.assert_allclose(before, exact_distance(w, b, X, norm), rtol=1e-5, atol=1e-6)


def test_the_nearest_class_is_not_always_the_likeliest_one():
    """f = (0, -1, -2) at x = 0, with gradients 0, 1 and 4: the third border is nearer."""
    def classify(x):
        return tf.concat([0 * x, x - 1, 4 * x - 2], 1)

    found = ops.deepfool(classify, np.zeros([1, 1], np.float32))
    assert found.new_label == 2
    np.testing.assert_allclose(found.perturbation, [[0.51]], rtol=1e-5)
    only = ops.deepfool(classify, np.zeros([1, 1], np.float32), num_classes=2)
    assert only.new_label == 2  # On its way to 1.02 it has passed the other border.
    np.testing.assert_allclose(only.perturbation, [[1.02]], rtol=1e-5)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("impl", ["compact", "masked"])
def test_a_batch_gives_what_its_examples_give_one_by_one(norm, impl):
    classify = curved()
    whole = ops.deepfool(classify, X, norm=norm, impl=impl)
    assert len(set(whole.iterations.numpy())) > 1  # Some are finished before others.
    for i, x in enumerate(X):
        single = ops.deepfool(classify, x[None], norm=norm)
        assert single.iterations[0] == whole.iterations[i]
        np.testing.assert_allclose(single.perturbation[0], whole.perturbation[i], atol=1e-5)


def test_labels_are_those_before_and_after():
    classify = curved()
    found = ops.deepfool(classify, X)
    np.testing.assert_array_equal(found.label, np.argmax(classify(X), 1))
    np.testing.assert_array_equal(found.new_label, np.argmax(classify(found.perturbed), 1))
    assert np.all(found.fooled) and np.all(found.label != found.new_label)
    np.testing.assert_allclose(found.perturbed, X + found.perturbation, atol=1e-6)


def test_who_is_fooled_is_left_alone_by_further_steps():
    classify = curved()
    runs = [ops.deepfool(classify, X, max_iterations=n) for n in (1, 2, 50)]
    for short, long in ((runs[0], runs[1]), (runs[1], runs[2])):
        done = short.fooled.numpy()
        assert done.any()
        np.testing.assert_array_equal(short.perturbation[done], long.perturbation[done])
        np.testing.assert_array_equal(short.iterations[done], long.iterations[done])
    assert not np.all(runs[0].fooled)


def test_both_variants_go_on_from_where_they_say():
    classify = curved()
    plain, overshot = (
        ops.deepfool(classify, X, linearise_at=at, overshoot=0.5, max_iterations=1)
        for at in ("plain", "overshot")
    )
    np.testing.assert_array_equal(plain.perturbation, overshot.perturbation)
    rest = ~plain.fooled.numpy()
    second = {
        at: ops.deepfool(classify, X, linearise_at=at, overshoot=0.5, max_iterations=2)
        for at in ("plain", "overshot")
    }
    r = plain.perturbation.numpy() / 1.5
    for at, factor in (("plain", 1.0), ("overshot", 1.5)):
        order = tf.math.top_k(classify(X), 5).indices
        far, way = nearest_border(classify, tf.constant(X + factor * r), order, "l2")
        expected = r + np.reshape(far, [-1, 1, 1, 1]) * way
        np.testing.assert_allclose(
            second[at].perturbation[rest] / 1.5, expected[rest], atol=1e-4
        )


def constant(x):
    """A classifier without gradient."""
    return tf.tile([[1.0, 0.0, 0.5]], [tf.shape(x)[0], 1])


@pytest.mark.parametrize("impl", ["compact", "masked"])
def test_without_a_gradient_nothing_is_changed_and_nobody_is_fooled(impl):
    found = ops.deepfool(constant, X, impl=impl)
    np.testing.assert_array_equal(found.perturbation, 0)
    np.testing.assert_array_equal(found.perturbed, X)
    assert not np.any(found.fooled) and not np.any(found.iterations)


def test_an_example_that_is_no_number_does_not_spoil_the_others():
    classify, *_ = linear(4)
    bad = X.copy()
    bad[3], bad[5] = np.nan, np.inf
    found, clean = ops.deepfool(classify, bad), ops.deepfool(classify, X)
    assert not found.fooled[3] and not found.fooled[5]
    rest = np.setdiff1d(np.arange(12), [3, 5])
    np.testing.assert_array_equal(found.perturbation.numpy()[rest],
                                  clean.perturbation.numpy()[rest])
    np.testing.assert_array_equal(found.perturbation.numpy()[[3, 5]], 0)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_tie_is_left_by_a_very_small_step(norm):
    """x = 0 lies on the border of x and -x; the first class wins the tie."""
    def classify(x):
        return tf.concat([x[:, :1], -x[:, :1]], 1)

    x = np.zeros([1, 3], np.float32)
    found = ops.deepfool(classify, x, norm=norm)
    assert found.fooled and 0 < lengths(found.perturbation.numpy(), norm)[0] < 1e-4


def test_tiny_and_huge_gradients_are_gradients():
    for factor in (1e-25, 1e15):
        classify, w, b = linear(3)
        found = ops.deepfool(lambda x, f=factor, c=classify: f * c(x), X)
        assert np.all(found.fooled)
        before = lengths(found.perturbation.numpy() / 1.02, "l2")
        np.testing.assert_allclose(before, exact_distance(w, b, X, "l2"), rtol=1e-3)


def test_examples_that_have_another_class_already_are_not_changed():
    classify, *_ = linear(4)
    own = np.argmax(classify(X), 1)
    label = np.where(np.arange(12) % 2, own, (own + 1) % 4)
    found = ops.deepfool(classify, X, label=label)
    assert np.all(found.fooled)
    np.testing.assert_array_equal(found.label, label)
    np.testing.assert_array_equal(found.iterations, np.arange(12) % 2)
    np.testing.assert_array_equal(found.perturbation[::2], 0)


def test_clipped_inputs_stay_in_range_and_are_fooled_all_the_same():
    classify, *_ = linear(5)
    x = 1 / (1 + np.exp(-3 * X))
    free, within = (ops.deepfool(classify, x, clip=clip) for clip in (None, (0.0, 1.0)))
    assert np.min(free.perturbed) < 0 or np.max(free.perturbed) > 1
    assert np.min(within.perturbed) >= 0 and np.max(within.perturbed) <= 1
    assert np.mean(within.fooled) >= 0.75  # Some may have no other class within the range.
    np.testing.assert_allclose(within.perturbed, x + within.perturbation, atol=1e-6)
    longer = lengths(within.perturbation.numpy(), "l2") / lengths(free.perturbation.numpy(), "l2")
    assert np.all(longer[within.fooled] > 0.99)


def test_a_perturbation_is_shortened_to_the_border_and_not_beyond():
    classify, w, b = linear(4)
    far = ops.deepfool(classify, X, overshoot=1.0)
    short = ops.shorten(classify, X, far, steps=16)
    assert np.all(short.fooled)
    np.testing.assert_array_equal(short.new_label, np.argmax(classify(short.perturbed), 1))
    found = lengths(short.perturbation.numpy(), "l2")
    assert np.all(found <= lengths(far.perturbation.numpy(), "l2"))
    exact = exact_distance(w, b, X, "l2")
    assert np.all(found >= exact - 1e-5) and np.mean(np.abs(found - exact) < 1e-3) > 0.8


def test_who_is_not_fooled_is_not_shortened():
    found = ops.deepfool(curved(), X, max_iterations=1)
    short = ops.shorten(curved(), X, found)
    left = ~found.fooled.numpy()
    assert left.any()
    np.testing.assert_array_equal(short.perturbation[left], found.perturbation[left])
    np.testing.assert_array_equal(short.new_label[left], found.new_label[left])


def test_rows_of_the_jacobian_are_those_of_batch_jacobian():
    classify, x = curved(), tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = classify(x)
    jacobian = tape.batch_jacobian(logits, x).numpy()
    found, back = linearise(classify, x)
    np.testing.assert_allclose(found, logits, atol=1e-6)
    tiled = tf.Variable(np.repeat(X, 5, 0))
    with tf.GradientTape() as tape:
        chosen = tf.gather(classify(tiled), np.tile(np.arange(5), 12), batch_dims=1)
    again = tape.gradient(chosen, tiled).numpy().reshape(jacobian.shape)
    np.testing.assert_allclose(again, jacobian, atol=1e-5)
    for k in range(5):
        row = back(tf.one_hot([k] * 12, 5))
        np.testing.assert_allclose(row, jacobian[:, k], atol=1e-5)


def test_many_classes_are_tried_in_a_loop_with_one_answer(monkeypatch):
    classify = curved(classes=9)
    module = __import__("sys").modules["tfvision.ops.deepfool"]
    unrolled = ops.deepfool(classify, X)
    monkeypatch.setattr(module, "UNROLLED", 3)
    looped = tf.function(partial(ops.deepfool, classify))(X)
    np.testing.assert_allclose(looped.perturbation, unrolled.perturbation, atol=1e-6)


def test_distances_that_are_none_are_the_largest_number():
    value, size = tf.constant([1.0, 1, 0, np.nan, 1]), tf.constant([2.0, 0, 0, 1, np.inf])
    top = np.finfo(np.float32).max
    np.testing.assert_array_equal(border_distance(value, size), [0.5, top, top, top, top])


def test_a_batch_of_none_is_no_error():
    found = tf.function(partial(ops.deepfool, curved()))(tf.zeros([0, 4, 4, 1]))
    assert found.perturbation.shape == (0, 4, 4, 1) and found.fooled.shape == (0,)


@pytest.mark.parametrize("options", [
    {"norm": "l1"}, {"linearise_at": "middle"}, {"num_classes": 1}, {"overshoot": -0.1},
    {"max_iterations": -1}, {"impl": "fast"},
])
def test_arguments_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="Expected"):
        ops.deepfool(constant, X, **options)


def test_whole_numbers_have_no_small_changes():
    with pytest.raises(ValueError, match="floating point. Received: dtype=uint8"):
        ops.deepfool(constant, np.ones([1, 4, 4, 1], np.uint8))


def test_what_gives_no_logits_is_refused():
    with pytest.raises(ValueError, match="k >= 2"):
        ops.deepfool(lambda x: tf.reshape(x, [-1, 16])[:, :1], X)
