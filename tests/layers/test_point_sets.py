"""layers.DenseNorm and DenseNormMax: the plain composition, only faster."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tfvision import layers, ops
from tfvision.layers.point_sets import dense_norm_max

RANDOM = np.random.default_rng(0)
EPSILON = 1e-3


def plain(points, kernel, gain, offset, epsilon=EPSILON):
    """The composition, with what follows from its statistics."""
    product = points @ kernel
    mean, variance = tf.nn.moments(product, [0, 1])
    normal = (product - mean) / tf.sqrt(variance + epsilon)
    return tf.reduce_max(tf.nn.relu(normal * gain + offset), 1), mean, variance


def values(kind, b=4, n=33, k=5, c=24, shift=0.0):
    """Points and weights; some gains are negative, some channels are shut."""
    points = RANDOM.normal(shift, 1, [b, n, k])
    weights = RANDOM.normal(size=[k, c]), RANDOM.normal(size=c), RANDOM.normal(-1, 1, c)
    return [tf.constant(x.astype(kind)) for x in (points, *weights)]


def gradients(function, inputs, factors):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = function(*inputs)
        value = tf.reduce_sum(outputs[0] * factors)
    return [*outputs, *tape.gradient(value, inputs)]


def relative(a, b):
    a, b = (np.asarray(x, np.float64) for x in (a, b))
    return np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("kind, within", [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_outputs_and_gradients_are_those_of_the_plain_composition(kind, within, compiled):
    """Judged in float64: rounding of the plain float32 composition is not ours."""
    inputs = values(kind, shift=0.5)
    factors = RANDOM.normal(size=[4, 24])
    fused = tf.function(
        lambda *x: dense_norm_max(*x, epsilon=EPSILON), jit_compile=compiled, autograph=False
    )
    found = gradients(fused, inputs, factors.astype(kind))
    truth = gradients(plain, [tf.cast(x, tf.float64) for x in inputs], factors)
    assert 0.1 < np.mean(truth[0] == 0) < 0.9
    for a, b in zip(found, truth, strict=True):
        assert a.dtype == kind
        assert relative(a, b) < within


def test_gradients_are_those_of_differences():
    inputs = values(np.float64, b=2, n=4, k=3, c=5)
    factors = RANDOM.normal(size=[2, 5])

    def value(*inputs):
        return float(tf.reduce_sum(dense_norm_max(*inputs, epsilon=EPSILON)[0] * factors))

    def fused(*inputs):
        return dense_norm_max(*inputs, epsilon=EPSILON)

    found = gradients(fused, inputs, factors)[3:]
    for i, gradient in enumerate(found):
        for place in np.ndindex(*gradient.shape):
            sides = []
            for sign in (1, -1):
                moved = [x.numpy() for x in inputs]
                moved[i][place] += sign * 1e-6
                sides.append(value(*moved))
            expected = (sides[0] - sides[1]) / 2e-6
            np.testing.assert_allclose(gradient[place], expected, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("points", [np.zeros([2, 5, 3]), np.ones([2, 5, 3]) * 7,
                                    np.ones([1, 1, 3]), np.eye(3)[None] * 1e-20])
def test_points_that_do_not_differ_give_the_offset_and_finite_gradients(points):
    _, kernel, gain, offset = values(np.float32, k=3, c=6)
    inputs = [tf.constant(points.astype(np.float32)), kernel, gain, offset]
    found = gradients(lambda *x: dense_norm_max(*x, epsilon=EPSILON), inputs, 1.0)
    np.testing.assert_allclose(
        found[0], np.broadcast_to(np.maximum(offset, 0), found[0].shape), atol=1e-3
    )
    assert all(np.isfinite(x).all() for x in found)


def test_where_points_tie_the_first_takes_the_gradient():
    points = np.repeat(RANDOM.normal(size=[1, 3, 2]), 2, 1).astype(np.float32)
    inputs = [tf.constant(points), *values(np.float32, k=2, c=4)[1:]]
    found = gradients(lambda *x: dense_norm_max(*x, epsilon=EPSILON), inputs, 1.0)[3]
    truth = gradients(plain, inputs, 1.0)[3]
    pairs = [x.numpy().reshape(1, 3, 2, 2).sum(2) for x in (found, truth)]
    np.testing.assert_allclose(*pairs, atol=1e-5)


class Composition(keras.layers.Layer):
    """Keras's own layers in a row."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.dense = keras.layers.Dense(units, use_bias=False)
        self.norm = keras.layers.BatchNormalization(momentum=0.9)

    def call(self, inputs, training=False):
        outputs = tf.nn.relu(self.norm(self.dense(inputs), training=training))
        return tf.reduce_max(outputs, 1)


def pair(make, units, shape):
    """Our layer and the composition, with equal weights."""
    ours, theirs = make(units, momentum=0.9), Composition(units)
    ours.build([None, *shape])
    theirs(np.zeros([1, *shape], np.float32))
    weights = [RANDOM.uniform(-1, 2, w.shape) for w in theirs.get_weights()]
    weights[-1] = np.abs(weights[-1]) + 0.1
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def test_training_steps_and_running_averages_are_those_of_keras_s_layers():
    ours, theirs = pair(layers.DenseNormMax, 12, [20, 5])
    factors = RANDOM.normal(size=[3, 12]).astype(np.float32)
    for step in range(3):
        points = tf.constant(RANDOM.normal(step, 1, [3, 20, 5]).astype(np.float32))
        results = []
        for layer in (ours, theirs):
            with tf.GradientTape() as tape:
                tape.watch(points)
                out = layer(points, training=True)
                value = tf.reduce_sum(out * factors)
            found = tape.gradient(value, [points, *layer.trainable_weights])
            results.append([out, *found, *layer.get_weights()])
        for a, b in zip(*results, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-4)
    np.testing.assert_allclose(ours(points), theirs(points), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("shape", [[7], [7, 6], [2, 3, 6]])
def test_dense_norm_is_dense_then_batch_norm(shape, relu):
    ours, theirs = layers.DenseNorm(4, relu=relu), keras.Sequential([
        keras.layers.Dense(4, use_bias=False), keras.layers.BatchNormalization(),
        keras.layers.Activation("relu" if relu else "linear")])
    x = tf.constant(RANDOM.normal(2, 1, [8, *shape]).astype(np.float32))
    for layer in (ours, theirs):
        layer(x)
    weights = [RANDOM.uniform(0.5, 2, w.shape) for w in ours.get_weights()]
    results = []
    for layer in (ours, theirs):
        layer.set_weights(weights)
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = layer(x, training=True)
            value = tf.reduce_sum(tf.sin(out))
        found = tape.gradient(value, [x, *layer.trainable_weights])
        results.append([out, *found, *layer.get_weights(), layer(x)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    assert ours.compute_output_shape((None, *shape)) == (None, *shape[:-1], 4)


def test_frozen_it_uses_and_keeps_its_running_averages():
    layer = layers.DenseNormMax(4)
    points = RANDOM.normal(size=[2, 6, 3]).astype(np.float32)
    layer(points, training=True)
    layer.trainable = False
    before = layer.get_weights()
    np.testing.assert_array_equal(layer(points, training=True), layer(points, training=False))
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


REPLICAS = """
import numpy as np, tensorflow as tf
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
from tfvision import layers
points = np.random.default_rng(0).normal(size=[2, 4, 9, 3]).astype(np.float32)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    layer = layers.DenseNormMax(5, momentum=0.5)
    layer.build([None, 9, 3])
alone = layers.DenseNormMax(5, momentum=0.5)
alone.build([None, 9, 3])
alone.set_weights(layer.get_weights())
given = strategy.experimental_distribute_values_from_function(
    lambda context: tf.constant(points[context.replica_id_in_sync_group]))
step = tf.function(lambda x: layer(x, training=True))
found = strategy.experimental_local_results(strategy.run(step, args=(given,)))
truth = alone(points.reshape(8, 9, 3), training=True)
np.testing.assert_allclose(tf.concat(found, 0), truth, rtol=1e-4, atol=1e-5)
for a, b in zip(layer.get_weights(), alone.get_weights(), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
"""


@pytest.mark.slow
def test_several_replicas_are_normalised_by_their_joint_statistics():
    """In a process of its own: devices are cut in two before TensorFlow starts."""
    done = subprocess.run([sys.executable, "-c", REPLICAS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_mixed_bfloat16_keeps_float32_weights_and_statistics():
    points = RANDOM.normal(size=[4, 50, 6]).astype(np.float32)
    exact, mixed = layers.DenseNormMax(16), layers.DenseNormMax(16, dtype="mixed_bfloat16")
    results = []
    for layer in (exact, mixed):
        layer.build([None, 50, 6])
        layer.set_weights(exact.get_weights())
    for layer in (exact, mixed):
        with tf.GradientTape() as tape:
            out = layer(points, training=True)
            value = tf.reduce_sum(tf.cast(out, tf.float32))
        found = tape.gradient(value, layer.trainable_weights)
        assert all(g.dtype == tf.float32 for g in found)
        results.append([tf.cast(out, tf.float32), *found, *layer.get_weights()])
    assert out.dtype == tf.bfloat16
    assert layer.dense.norm.moving_mean.dtype == layer.dense.kernel.dtype == "float32"
    for a, b in zip(*results, strict=True):
        assert relative(b, a) < 0.05
    assert mixed(points).dtype == tf.bfloat16


@pytest.mark.parametrize("kind", ["DenseNorm", "DenseNormMax"])
def test_it_is_saved_and_loaded_by_keras(tmp_path, kind):
    layer = getattr(layers, kind)(5, momentum=0.8, epsilon=0.01, kernel_initializer="he_normal")
    model = keras.Sequential([keras.Input([None, 3]), layer])
    points = RANDOM.normal(size=[2, 7, 3]).astype(np.float32)
    model(points, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(points), model(points))
    assert loaded.layers[0].get_config() == layer.get_config()


def test_it_is_fitted():
    """Two clouds that only their spread tells apart."""
    keras.utils.set_random_seed(0)
    points = RANDOM.normal(size=[64, 16, 3]).astype(np.float32)
    labels = np.arange(64) % 2
    points[labels == 1] *= 2
    model = keras.Sequential([
        keras.Input([16, 3]), layers.DenseNorm(8), layers.DenseNormMax(32, momentum=0.5),
        keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    model.optimizer.learning_rate = 0.02
    history = model.fit(points, labels, batch_size=16, epochs=8, verbose=0).history
    assert history["accuracy"][-1] > 0.85 > 0.7 > history["accuracy"][0]


def test_the_order_of_points_does_not_matter_and_critical_points_are_enough():
    layer = layers.DenseNormMax(32)
    points = RANDOM.normal(size=[1, 200, 3]).astype(np.float32)
    layer(points, training=True)
    features = layer(points)
    np.testing.assert_allclose(layer(points[:, ::-1]), features, atol=1e-6)
    critical = layer.critical_points(points)
    assert critical.dtype == tf.int32 and critical.shape == (1, 32)
    few = np.unique(critical.numpy())
    assert len(few) < 33
    np.testing.assert_allclose(layer(points[:, few]), features, atol=1e-6)


def test_inference_is_exported_with_built_in_operations_only(tmp_path):
    layer = layers.DenseNormMax(6)
    points = RANDOM.normal(size=[2, 9, 3]).astype(np.float32)
    layer(points, training=True)
    with ops.exporting():
        concrete = tf.function(
            lambda points: {"features": layer(points)}, autograph=False
        ).get_concrete_function(tf.TensorSpec([None, 9, 3], tf.float32))
    kinds = {node.type for node in concrete.graph.get_operations()}
    assert not {k for k in kinds if "Fused" in k or "Partitioned" in k}
    module = tf.Module()
    module.used = concrete.variables
    tf.saved_model.save(module, str(tmp_path), signatures=concrete)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    runner = Interpreter(model_content=converter.convert()).get_signature_runner()
    found = runner(points=points)["features"]
    np.testing.assert_allclose(found, layer(points), rtol=1e-5, atol=1e-5)
