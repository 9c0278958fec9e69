"""Convolutions that look at an image whose gradient is wanted."""

import keras

from tfvision import ops


@keras.saving.register_keras_serializable("tfvision")
class ImageConv2D(keras.layers.Conv2D):
    """keras.layers.Conv2D, faster where the gradient of a grey image is wanted.

    First layer behind a spatial transformer, or of a classifier that is attacked; the arguments
    and weights are those of Conv2D. See ops.image_conv.
    """

    def convolution_op(self, inputs, kernel):
        plain = self.data_format == "channels_last" and self.groups == 1
        if plain and self.strides == self.dilation_rate == (1, 1):
            kernel = keras.ops.convert_to_tensor(kernel)
            return ops.image_conv(inputs, kernel, padding=self.padding.upper())
        return super().convolution_op(inputs, kernel)
