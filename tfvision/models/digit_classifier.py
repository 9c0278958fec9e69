"""A small classifier of digits, whose features and classes grade what generators make.

It is trained when a grade is asked for, from the same data as the generator and with a fixed
seed, in about a minute for MNIST, and kept in a file beside the run.
"""

import os
import zipfile
import zlib
from pathlib import Path

import keras
import numpy as np

SIZE, BATCH, RATE = 28, 128, 2e-3


def network(*, classes=10, features=64, seed=0):
    """Two convolutions and two dense layers, as in LeNet: about 117,000 weights.

    inputs   images uint8 [b, 28, 28, 1]
    return   [features float32 [b, features] >= 0, probabilities float32 [b, classes]]
    """
    start = [keras.initializers.HeNormal(seed + i) for i in range(4)]
    images = keras.Input([SIZE, SIZE, 1], dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255)(images)
    for i, filters in enumerate((16, 32)):
        x = keras.layers.Conv2D(
            filters, 5, padding="same", activation="relu", kernel_initializer=start[i]
        )(x)
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(features, activation="relu", kernel_initializer=start[2])(x)
    probabilities = keras.layers.Dense(
        classes, activation="softmax", kernel_initializer=start[3], dtype="float32"
    )(x)
    return keras.Model(images, [x, probabilities], name="digit_classifier")


def trained(image, label, *, file=None, epochs=4, seed=0):
    """A network trained on labelled digits, or the one in `file` if it was made from the same.

    image    uint8 [n, 28, 28, 1]
    label    int [n], 0..9
    file     .npz to read the weights from, and to write them to
    """
    net = network(seed=seed)
    facts = np.array([epochs, seed, len(image), zlib.crc32(image), zlib.crc32(label)], np.int64)
    if file is not None and _read(net, facts, file):
        return net
    _fit(net, image, label, epochs, seed)
    if file is not None:
        _write(net, facts, Path(file))
    return net


def describe(net, images):
    """What the network sees in images uint8 [n, 28, 28, 1]: features [n, d], probabilities."""
    features, probabilities = net.predict(images, batch_size=500, verbose=0)
    return features, probabilities


def accuracy(net, image, label):
    """Share of the images with the right class."""
    return float(np.mean(describe(net, image)[1].argmax(1) == label))


def _fit(net, image, label, epochs, seed):
    """Adam with cosine decay on the cross-entropy; the order of the images is the seed's."""
    steps = -(-len(image) // BATCH) * epochs
    judge = keras.Model(net.input, net.output[1])
    judge.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps)),
        loss="sparse_categorical_crossentropy",
    )
    random = np.random.default_rng(seed)
    for _ in range(epochs):
        order = random.permutation(len(image))
        judge.fit(image[order], label[order], batch_size=BATCH, shuffle=False, verbose=0)


def _read(net, facts, file):
    """Sets the weights from the file; False where it is missing, damaged or of other data."""
    if not Path(file).exists():
        return False
    try:
        with open(file, "rb") as content, np.load(content) as stored:
            same = np.array_equal(stored["facts"], facts)
            weights = [stored[f"{i:02d}"] for i in range(len(net.weights))] if same else []
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return False
    if same:
        net.set_weights(weights)
    return same


def _write(net, facts, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    hidden = file.with_name("." + file.name)
    with open(hidden, "wb") as content:
        np.savez(content, facts=facts, **{f"{i:02d}": w for i, w in enumerate(net.get_weights())})
    os.replace(hidden, file)
