"""The two classifiers of digits that DeepFool was measured on (Moosavi-Dezfooli et al., 2016)."""

import keras

from tfvision.layers.image_conv import ImageConv2D


def lenet(shape=(28, 28, 1), classes=10, *, filters=(20, 50), units=128):
    """LeNet: two convolutions of 5 x 5, each with ReLU and max pooling, and two dense layers.

    MatConvNet and Caffe train it without ReLU behind the convolutions, and with 500 units.

    inputs   float [b, h, w, c]
    return   logits float32 [b, classes]
    """
    x = image = keras.Input(shape, name="image")
    for count in filters:
        x = ImageConv2D(count, 5, activation="relu")(x)
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(units, activation="relu")(x)
    return keras.Model(image, keras.layers.Dense(classes, dtype="float32")(x), name="lenet")


def fully_connected(shape=(28, 28, 1), classes=10, *, units=(500, 150)):
    """FC-500-150-10: dense layers with ReLU.

    inputs   float [b, h, w, c]
    return   logits float32 [b, classes]
    """
    x = image = keras.Input(shape, name="image")
    x = keras.layers.Flatten()(x)
    for count in units:
        x = keras.layers.Dense(count, activation="relu")(x)
    return keras.Model(image, keras.layers.Dense(classes, dtype="float32")(x), name="fc")
