"""Logits of any Keras classifier, whatever it ends in."""

import keras

SQUASHING = ("softmax", "sigmoid")


def logits_model(classifier, *, from_logits=None):
    """The classifier up to its logits; weights are shared, not copied.

    A softmax (or sigmoid) at the end is left out: Softmax, Activation or Dense with one. Logits
    behind it would be those of probabilities, which have no gradient where they are 0 or 1. A
    single logit z, of a classifier of two classes, becomes the two logits 0 and z. Several sigmoids
    are refused: each says yes or no, and there is no one class to leave.

    classifier   keras.Model, one input, one output [b, k]
    from_logits  True: it gives logits; False: it ends in softmax or sigmoid; None: find out
    return       keras.Model, -> float [b, k], k >= 2
    raises       ValueError where the end is not understood
    """
    outputs = getattr(classifier, "outputs", None)  # None: a class of its own, or not built yet.
    if outputs is None and from_logits is True:
        return classifier
    one = outputs is not None and len(outputs) == len(classifier.inputs) == 1
    if not one or len(outputs[0].shape) != 2:
        found = outputs and [tuple(output.shape) for output in outputs]
        raise ValueError(
            "Expected a Sequential or functional classifier, built, of one input and one output "
            f"[b, k], or from_logits=True for another that gives logits. Received: outputs={found}"
        )
    output = outputs[0] if from_logits else _open_end(classifier, from_logits)
    if output.shape[-1] == 1:
        output = _two(output)
    elif output is outputs[0]:
        return classifier
    return keras.Model(classifier.inputs[0], output, name="logits")


def _two(logit):
    """[b, 1] -> [b, 2]. Layers of a loaded classifier may have any of Keras's own names."""
    zero = keras.layers.Rescaling(0.0, dtype="float32", name="tfvision_logit_0")(logit)
    return keras.layers.Concatenate(dtype="float32", name="tfvision_logits")([zero, logit])


def _open_end(classifier, from_logits):
    """The tensor before the last layer's softmax or sigmoid; the output where there is none."""
    output = classifier.outputs[0]
    last = output._keras_history.operation
    if isinstance(last, keras.layers.Softmax):
        return last.input
    name = getattr(getattr(last, "activation", None), "__name__", None)
    if name == "sigmoid" and output.shape[-1] != 1:
        raise ValueError(
            "Expected a classifier of one class per example: softmax, or a single sigmoid, at its "
            f"end. Received: {last.name!r} with {output.shape[-1]} sigmoids, of several labels"
        )
    if name in SQUASHING and isinstance(last, keras.layers.Activation):
        return last.input
    if name in SQUASHING and isinstance(last, keras.layers.Dense):
        return WithoutActivation(last, dtype=last.dtype_policy)(last.input)
    if name == "linear" and from_logits is None:
        return output
    raise ValueError(
        "Expected a classifier that ends in a Dense layer, in Softmax or Activation, or "
        f"from_logits=True for one that gives logits. Received: {type(last).__name__} "
        f"{last.name!r} at its end, with activation {name!r}"
    )


class WithoutActivation(keras.layers.Layer):
    """A dense layer's part before its activation, with that layer's own weights."""

    def __init__(self, dense, **options):
        super().__init__(**options)
        self.dense = dense
        self.built = True

    def call(self, inputs):
        y = keras.ops.matmul(inputs, self.dense.kernel)
        return y if self.dense.bias is None else y + self.dense.bias

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.dense.units)
