"""ops.compiled, ops.portable: fast inside a layer, plain where a model is exported."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.engine import formats


def must_compile(concrete):
    library = concrete.graph.as_graph_def().library.function
    return [function for function in library if function.attr["_XlaMustCompile"].b]


def test_a_compiled_function_gives_the_same_values_and_gradients():
    def smooth(x):
        return tf.reduce_sum(tf.sin(x) ** 2)

    x = tf.Variable(np.linspace(-1, 1, 7))
    values = []
    for function in (smooth, ops.compiled(smooth)):
        with tf.GradientTape() as tape:
            y = function(x)
        values.append((y.numpy(), tape.gradient(y, x).numpy()))
    np.testing.assert_allclose(values[0][0], values[1][0])
    np.testing.assert_allclose(values[0][1], values[1][1])


def test_exporting_leaves_it_plain():
    double = ops.compiled(lambda x: 2 * x)
    spec = tf.TensorSpec([None], tf.float32)
    assert must_compile(tf.function(lambda x: double(x)).get_concrete_function(spec))
    with ops.exporting():
        assert not must_compile(tf.function(lambda x: double(x)).get_concrete_function(spec))


def test_portable_is_true_under_xla_in_nested_functions_and_while_exporting():
    seen = {}

    def note(name):
        def function(x):
            seen[name] = ops.portable()
            return x + 1

        return function

    x = tf.constant(1.0)
    tf.function(note("graph"), autograph=False)(x)
    tf.function(note("xla"), jit_compile=True, autograph=False)(x)
    inner = tf.function(note("inside xla"), autograph=False)
    tf.function(lambda x: inner(x), jit_compile=True, autograph=False)(x)
    note("eager")(x)
    with ops.exporting():
        note("export")(x)
    assert seen == {
        "graph": False, "xla": True, "inside xla": True, "eager": False, "export": True,
    }


def test_the_export_refuses_a_function_that_xla_must_compile():
    hidden = tf.function(lambda x: x + 1, jit_compile=True)
    specs = {"x": tf.TensorSpec([None], tf.float32, name="x")}
    with pytest.raises(ValueError, match="no jit_compile"):
        formats.trace(lambda x: {"y": hidden(x)}, specs)
