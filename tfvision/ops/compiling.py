"""Which form of an operation to take: compiled by XLA, as TensorFlow's own kernels, or portable."""

import contextlib
import contextvars
import functools

import tensorflow as tf
from tensorflow.python.ops import control_flow_util

_EXPORTING = contextvars.ContextVar("exporting", default=False)
_NESTED = contextvars.ContextVar("nested", default=True)


@contextlib.contextmanager
def exporting(*, nested=True):
    """Inside, operations take forms that every exported format can run; nothing is compiled.

    nested  False: no loop inside a loop, at which TFLite's calibration of int8 crashes
    """
    tokens = _EXPORTING.set(True), _NESTED.set(nested)
    try:
        yield
    finally:
        _EXPORTING.reset(tokens[0])
        _NESTED.reset(tokens[1])


def nested_loops():
    """Whether a loop may hold another one."""
    return _NESTED.get()


def portable():
    """Whether what is traced now must run without TensorFlow's own kernels: exported or under XLA.

    `impl="auto"` of an operation asks this. It holds while a function is traced: a tf.function
    that was traced before keeps the form it had.
    """
    return _EXPORTING.get() or under_xla()


def under_xla():
    """Whether the graph being built is one that XLA will compile."""
    if tf.executing_eagerly():
        return False
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def compiled(function):
    """`function` compiled by XLA, but left plain while a model is exported or under XLA already.

    On a CPU, XLA makes single operations such as reads at any points or NMS several times faster,
    and whole convolutional steps slower; so layers compile operations one by one.

    function  of tensors, with static arguments bound by functools.partial; made once, not per call
    return    the same function of the same tensors
    """
    fast = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function, updated=())
    def call(*tensors):
        return function(*tensors) if portable() else fast(*tensors)

    return call
