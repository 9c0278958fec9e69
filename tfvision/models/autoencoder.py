"""Autoencoders: an image, its code, and the image again; plain, denoising, sparse."""

import keras
import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.layers.transposed import TransposedDense
from tfvision.losses import reconstruction, sparsity
from tfvision.models.base import System

CORRUPTIONS = ("none", "masking", "salt_and_pepper", "gaussian")
SPARSITIES = ("none", "kl", "l1")


def dense_encoder(units, *, shape=(28, 28, 1), hidden=(), activation="relu", code="relu"):
    """Fully connected layers from an image to its code.

    units       numbers of the code
    hidden      units of the layers before it, of `activation`
    code        activation of the code: "linear", "relu", "sigmoid", ...
    inputs      float [b, *shape]
    return      float32 [b, units]
    """
    x = image = keras.Input(shape, name="x")
    x = keras.layers.Flatten()(x)
    for size in hidden:
        x = keras.layers.Dense(size, activation=activation)(x)
    z = keras.layers.Dense(units, activation=code, dtype="float32", name="code")(x)
    return keras.Model(image, z, name="encoder")


def dense_decoder(units, *, shape=(28, 28, 1), hidden=(), activation="relu"):
    """Fully connected layers from a code to the maps of an image.

    inputs      float [b, units]
    return      float32 [b, *shape], what Autoencoder makes pixels of
    """
    x = z = keras.Input([units], name="z")
    for size in hidden:
        x = keras.layers.Dense(size, activation=activation)(x)
    x = keras.layers.Dense(int(np.prod(shape)), dtype="float32")(x)
    maps = keras.layers.Reshape(shape, dtype="float32", name="maps")(x)
    return keras.Model(z, maps, name="decoder")


def tied_decoder(encoder):
    """The layers of a dense encoder backwards: its weights transposed, biases of their own.

    encoder     as dense_encoder makes it
    inputs      float [b, units]
    return      float32 [b, *shape]
    """
    dense = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Dense)]
    x = z = keras.Input(encoder.output_shape[1:], name="z")
    for layer, before in zip(dense[:0:-1], dense[-2::-1], strict=True):
        x = TransposedDense(layer, activation=before.activation)(x)
    x = TransposedDense(dense[0], dtype="float32")(x)
    maps = keras.layers.Reshape(encoder.input_shape[1:], dtype="float32", name="maps")(x)
    return keras.Model(z, maps, name="decoder")


def convolutional_encoder(
    units=None, *, shape=(28, 28, 1), filters=(32, 16), activation="relu", code="relu"
):
    """Convolutions 5 x 5, each of which halves the image, and a dense layer to the code.

    units       numbers of the code; None: no dense layer, the last convolution gives the code,
                which then has h / 2^n * w / 2^n * filters[-1] numbers after n halvings
    filters     channels of each halving
    inputs      float [b, *shape]
    return      float32 [b, units]
    raises      ValueError for sides that cannot be halved so often
    """
    _smallest(shape, filters)
    x = image = keras.Input(shape, name="x")
    last = {} if units else {"activation": code, "dtype": "float32"}
    for channels in filters[:-1]:
        x = keras.layers.Conv2D(channels, 5, 2, "same", activation=activation)(x)
    x = keras.layers.Conv2D(filters[-1], 5, 2, "same", **{"activation": activation, **last})(x)
    z = keras.layers.Flatten(dtype="float32")(x)
    if units:
        z = keras.layers.Dense(units, activation=code, dtype="float32", name="code")(z)
    return keras.Model(image, z, name="encoder")


def convolutional_decoder(
    units=None, *, shape=(28, 28, 1), filters=(32, 16), activation="relu"
):
    """The way back: a dense layer where there are units, then transposed convolutions 5 x 5.

    units, filters  as the encoder's; the filters are gone through in reverse
    inputs          float [b, units]
    return          float32 [b, *shape]
    """
    h, w = _smallest(shape, filters)
    size = h * w * filters[-1]
    x = z = keras.Input([units or size], name="z")
    if units:
        x = keras.layers.Dense(size, activation=activation)(x)
    x = keras.layers.Reshape([h, w, filters[-1]])(x)
    for channels in filters[-2::-1]:
        x = keras.layers.Conv2DTranspose(channels, 5, 2, "same", activation=activation)(x)
    maps = keras.layers.Conv2DTranspose(shape[-1], 5, 2, "same", dtype="float32", name="maps")(x)
    return keras.Model(z, maps, name="decoder")


def _smallest(shape, filters):
    """Height and width after all halvings."""
    parts = 2 ** len(filters)
    if not filters or shape[0] % parts or shape[1] % parts:
        raise ValueError(
            f"Expected at least one halving, and sides that are multiples of 2 per halving. "
            f"Received: shape={tuple(shape)}, filters={tuple(filters)}"
        )
    return shape[0] // parts, shape[1] // parts


@keras.saving.register_keras_serializable("tfvision")
class Autoencoder(System):
    """Learns codes from which images, intact or corrupted, can be restored.

    encoder     keras.Model: images float [b, h, w, c], 0..1 -> codes float [b, d]
    decoder     keras.Model: codes float [b, d] -> maps float [b, h, w, c]; None: tied_decoder's
    loss        "squared" (lecture eq. 1) or "cross_entropy" of pixels in 0..1
    pixels      "sigmoid" of the maps, or "linear": the maps themselves
    corruption  one of CORRUPTIONS: what the encoder gets in training; the loss asks for the clean
                image (Vincent et al., 2008)
    level       share of numbers that are lost or replaced; of "gaussian" the standard deviation
    sparsity    one of SPARSITIES, of the code
    weight      of the sparsity in the loss
    target      mean activation that "kl" asks for (rho)
    seed        of the corruption
    raises      ValueError for what cannot be
    """

    def __init__(
        self, encoder, decoder=None, *, loss="squared", pixels="sigmoid", corruption="none",
        level=0.0, sparsity="none", weight=0.0, target=0.05, seed=0, **options,
    ):
        super().__init__(**options)
        self.encoder, self.tied, self.seed = encoder, decoder is None, seed
        self.decoder = tied_decoder(encoder) if decoder is None else decoder
        self.error, self.pixels = loss, pixels
        self.corruption, self.level = corruption, level
        self.sparsity, self.weight, self.target = sparsity, weight, target
        self._check()
        self.make_means("loss", "mse", "sparsity", "activation")
        self.built = True

    def _check(self):
        _choose("loss", self.error, ("squared", "cross_entropy"))
        _choose("pixels", self.pixels, ("sigmoid", "linear"))
        _choose("corruption", self.corruption, CORRUPTIONS)
        _choose("sparsity", self.sparsity, SPARSITIES)
        if self.error == "cross_entropy" and self.pixels != "sigmoid":
            raise ValueError(f"Expected pixels='sigmoid' for the cross-entropy. Received: "
                             f"pixels={self.pixels!r}")
        most = np.inf if self.corruption == "gaussian" else 1
        if not 0 <= self.level <= most:
            raise ValueError(f"Expected 0 <= level <= {most} for {self.corruption} corruption. "
                             f"Received: level={self.level}")
        if self.encoder.output_shape[1:] != self.decoder.input_shape[1:]:
            raise ValueError("Expected a decoder of the encoder's codes "
                             f"{self.encoder.output_shape[1:]}. "
                             f"Received: {self.decoder.input_shape[1:]}")

    def get_config(self):
        return {
            "encoder": self.encoder, "decoder": None if self.tied else self.decoder,
            "loss": self.error, "pixels": self.pixels, "corruption": self.corruption,
            "level": self.level, "sparsity": self.sparsity, "weight": self.weight,
            "target": self.target, "seed": self.seed,
        }

    def call(self, x, training=False):
        """The reconstruction: float [b, h, w, c], 0..1 -> float32 [b, h, w, c]."""
        return self.image(self.decoder(self.encoder(x, training=training), training=training))

    def train_step(self, batch):
        """One step down the loss of a batch, with new noise for every image that is seen.

        batch   "image" uint8 [b, h, w, c], "index" int64 [b] as data.stream counts
        """
        x, seen = self.pair(batch)
        with tf.GradientTape() as tape:
            code = self.encoder(seen, training=True)  # f(x; Theta_1)
            maps = self.decoder(code, training=True)  # g(f(x; Theta_1); Theta_2)
            error, penalty = tf.reduce_mean(self.distance(x, maps)), self.sparseness(code)
            loss = error + self.weight * penalty
        self.descend(tape, loss, self.optimizer, self.trainable_weights)
        return self.report(loss, penalty, x, maps, code)

    def test_step(self, batch):
        x, seen = self.pair(batch)
        code = self.encoder(seen, training=False)
        maps, penalty = self.decoder(code, training=False), self.sparseness(code)
        loss = tf.reduce_mean(self.distance(x, maps)) + self.weight * penalty
        return self.report(loss, penalty, x, maps, code)

    def pair(self, batch):
        """Images and what the encoder sees of them: float32 [b, h, w, c] both."""
        x = scaled(batch["image"])
        return x, self.corrupt(x, batch["index"], seed=self.seed)

    def report(self, loss, penalty, x, maps, code):
        mse = tf.reduce_mean((self.image(maps) - x) ** 2)
        return self.track(
            loss=loss, mse=mse, sparsity=penalty, activation=tf.reduce_mean(tf.abs(code))
        )

    def corrupt(self, x, index, *, seed):
        """What the encoder gets to see of x float32 [b, h, w, c], images `index` int64 [b]."""
        if self.corruption == "none":
            return x
        draw = ops.example_normal if self.corruption == "gaussian" else ops.example_uniform
        noise = draw(index, int(np.prod(x.shape[1:])), seed=seed)
        noise = tf.reshape(noise, tf.shape(x))
        if self.corruption == "gaussian":
            return ops.add_gaussian(x, noise, self.level)
        if self.corruption == "masking":
            return ops.mask_out(x, noise, self.level)
        return ops.salt_and_pepper(x, noise, self.level)

    def distance(self, x, maps):
        """The loss of each image, summed over its numbers: float [b]."""
        if self.error == "cross_entropy":
            return reconstruction.cross_entropy(x, maps)
        return reconstruction.squared_error(x, self.image(maps))

    def sparseness(self, code):
        """The penalty of a batch of codes, a scalar."""
        if self.sparsity == "kl":
            return tf.reduce_sum(sparsity.kl_sparsity(code, target=self.target))
        if self.sparsity == "l1":
            return tf.reduce_mean(sparsity.l1_sparsity(code))
        return tf.zeros([])

    def image(self, maps):
        """Pixels, on the scale 0..1, of the decoder's maps."""
        return tf.sigmoid(maps) if self.pixels == "sigmoid" else maps

    def encode(self, image):
        """Codes of images: uint8 [b, h, w, c] -> float32 [b, d]."""
        return self.encoder(scaled(image), training=False)

    def decode(self, z):
        """Images of codes: float32 [b, d] -> uint8 [b, h, w, c]."""
        return levels(self.image(self.decoder(z, training=False)))

    def reconstruct(self, image):
        """What the code of each image draws: uint8 [b, h, w, c] -> uint8 [b, h, w, c]."""
        return levels(self(scaled(image)))


def scaled(image):
    """uint8 0..255 -> float32 0..1."""
    return tf.cast(image, tf.float32) / 255


def levels(x):
    """float 0..1, cut off at both ends -> uint8 0..255."""
    return tf.cast(tf.round(tf.clip_by_value(x, 0.0, 1.0) * 255), tf.uint8)


def _choose(name, value, choices):
    if value not in choices:
        raise ValueError(f"Expected {name} in {choices}. Received: {name}={value!r}")
