"""with_gradient: a hand-written gradient in training, none in an exported graph."""

import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.ops.gradients import with_gradient


@with_gradient
def doubled(x):
    return 2 * x, lambda change: 100 * change


def gradient(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = doubled(x)
    return y, tape.gradient(y, x)


@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_the_gradient_is_the_one_that_was_written(jit_compile):
    function = gradient
    if jit_compile is not None:
        function = tf.function(gradient, jit_compile=jit_compile, autograph=False)
    assert [float(value) for value in function(tf.constant(3.0))] == [6, 100]


def test_an_exported_graph_holds_the_function_alone():
    spec = tf.TensorSpec([], tf.float32)

    def gradients():
        traced = tf.function(lambda x: doubled(x), autograph=False).get_concrete_function(spec)
        graph = traced.graph.as_graph_def()
        return [node for node in graph.node if "_gradient_op_type" in node.attr]

    assert gradients()
    with ops.exporting():
        assert not gradients()
