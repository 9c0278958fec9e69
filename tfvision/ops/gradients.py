"""Gradients that are written by hand."""

import functools

import tensorflow as tf

from tfvision.ops.compiling import portable, under_xla


def with_gradient(function):
    """tf.custom_gradient, but left out while a model is exported.

    An exported model is not trained, and who loads it would be warned of gradients it lacks.

    function  of tensors; returns its result and a function from changes of the result to changes
              of the tensors
    return    the function of the tensors that returns the result
    """
    differentiable = tf.custom_gradient(function)

    @functools.wraps(function)
    def call(*tensors):
        exported = portable() and not under_xla()
        return function(*tensors)[0] if exported else differentiable(*tensors)

    return call
