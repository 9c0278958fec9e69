"""Layers that use the weights of another layer."""

import keras


class TransposedDense(keras.layers.Layer):
    """The way back through a dense layer, by the transpose of its weights (tied weights).

    activation(y W^T + b) with the other layer's W [n, m] and a bias b [n] of its own.

    It is not saved by itself: whoever owns both layers makes it anew.

    dense    a keras.layers.Dense that is built
    inputs   float [..., m]
    return   float [..., n]
    """

    def __init__(self, dense, *, activation=None, **options):
        super().__init__(**options)
        self.dense, self.activation = dense, keras.activations.get(activation)
        size = dense.kernel.shape[0]
        self.bias = self.add_weight(name="bias", shape=[size], initializer="zeros")
        self.built = True

    def call(self, inputs):
        kernel = keras.ops.transpose(self.dense.kernel)
        return self.activation(keras.ops.matmul(inputs, kernel) + self.bias)

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.bias.shape[0])
