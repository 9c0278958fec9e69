"""Networks with spatial transformers: the paper's for digits, and for look-alike classes.

Jaderberg, Simonyan, Zisserman, Kavukcuoglu: Spatial Transformer Networks (2015), section 4 and
appendix A.
"""

import keras
import tensorflow as tf

from tfvision import layers
from tfvision.models.base import System

RELU = {"activation": "relu", "kernel_initializer": "he_normal"}


def fcn(shape, classes, *, units=256, reduce=1, dropout=0.0):
    """Two fully connected layers and a classifier: the paper's FCN.

    shape    of the images: (h, w, c)
    units    of both layers; the paper has 128 to 256
    reduce   average this many pixels a side first: 2 behind a transformer that magnifies
    dropout  share of the features that is left out before the classifier; the paper has none
    inputs   float [b, h, w, c]
    return   logits float32 [b, classes]
    """
    x = image = keras.Input(shape, name="image")
    x = keras.layers.Flatten()(_reduced(x, reduce))
    for _ in range(2):
        x = keras.layers.Dense(units, **RELU)(x)
    return keras.Model(image, _logits(x, classes, dropout), name="fcn")


def cnn(shape, classes, *, filters=(32, 64), reduce=1, dropout=0.0, normalise=False):
    """9 x 9 convolution, pooling, 7 x 7 convolution, pooling, classifier: the paper's CNN.

    filters    of both convolutions; the paper has 32 to 64
    normalise  whether there is batch normalisation behind the poolings; the paper has none
    raises     ValueError for images that are too small for it; the other arguments are fcn's
    """
    if min(shape[:2]) // reduce < 21:
        raise ValueError(
            "Expected images of at least 21 px a side for the CNN, after averaging. "
            f"Received: shape={tuple(shape)}, reduce={reduce}"
        )
    x = image = keras.Input(shape, name="image")
    x = _reduced(x, reduce)
    for width, side in zip(filters, (9, 7), strict=True):
        x = _convolved(x, width, side, normalise)
    x = keras.layers.Flatten()(x)
    return keras.Model(image, _logits(x, classes, dropout), name="cnn")


def fcn_localisation(shape, *, units=32):
    """Three fully connected layers: float [b, *shape] -> [b, units], as in the ST-FCN."""
    x = image = keras.Input(shape, name="seen")
    x = keras.layers.Flatten()(x)
    for _ in range(3):
        x = keras.layers.Dense(units, **RELU)(x)
    return keras.Model(image, x, name="fcn_localisation")


def cnn_localisation(shape, *, filters=20, units=20, normalise=False):
    """Two 5 x 5 convolutions on the halved image, a pooling after each, and a dense layer.

    As in the ST-CNN: float [b, *shape] -> [b, units]; `normalise` as in cnn.
    """
    x = image = keras.Input(shape, name="seen")
    x = _reduced(x, 2)
    for _ in range(2):
        x = _convolved(x, filters, 5, normalise)
    x = keras.layers.Dense(units, **RELU)(keras.layers.Flatten()(x))
    return keras.Model(image, x, name="cnn_localisation")


def trunk(shape, *, widths=(16, 32, 64), name="trunk"):
    """A small network for colour images: float [b, *shape], 0..1, -> [b, h / 2^n, w / 2^n, f].

    Each level halves the image.
    """
    x = image = keras.Input(shape, name="image")
    for width in widths:
        x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(layers.FusedBatchNormalization()(x))
        x = keras.layers.MaxPooling2D(padding="same")(x)
    return keras.Model(image, x, name=name)


def inception(shape, *, weights=None, name="inception"):
    """keras.applications' Inception v3 without its head: float [b, *shape], 0..1, -> maps.

    weights  None, or a file of weights as Keras publishes them for include_top=False
    raises   OSError or ValueError where the file is none
    """
    image = keras.Input(shape, name="image")
    x = keras.layers.Rescaling(2.0, offset=-1.0)(image)
    net = keras.applications.InceptionV3(
        include_top=False, weights=weights and str(weights), input_shape=shape, name=f"{name}_v3"
    )
    return keras.Model(image, net(x), name=name)


def part_localisation(backbone, *, reduce=2, units=128):
    """What several transformers look at: features of the reduced image, appendix A.5.

    1 x 1 convolution and a dense layer, both of `units`, on the maps of a backbone.

    backbone  takes images reduced by that factor
    inputs    float [b, h, w, c]
    return    float [b, units]
    """
    h, w, c = backbone.input_shape[1:]
    x = image = keras.Input([h * reduce, w * reduce, c], name="seen")
    x = backbone(_reduced(x, reduce))
    x = keras.layers.Conv2D(units, 1, **RELU)(x)
    x = keras.layers.Dense(units, **RELU)(keras.layers.Flatten()(x))
    return keras.Model(image, x, name="part_localisation")


def part_classifier(backbones, classes, *, dropout=0.0):
    """Classes from parts: each part has a backbone of its own; their mean features are joined.

    inputs   float [b, parts, h, w, c]; of a single part [b, h, w, c], as its transformer gives it
    return   logits float32 [b, classes]
    raises   ValueError without a part
    """
    if not backbones:
        raise ValueError("Expected at least 1 part. Received: backbones=[]")
    shape, alone = backbones[0].input_shape[1:], len(backbones) == 1
    parts = keras.Input(shape if alone else [len(backbones), *shape], name="parts")
    seen = [net(parts if alone else parts[:, i]) for i, net in enumerate(backbones)]
    seen = [keras.layers.GlobalAveragePooling2D()(maps) for maps in seen]
    x = keras.layers.Concatenate()(seen) if len(seen) > 1 else seen[0]
    return keras.Model(parts, _logits(x, classes, dropout), name="part_classifier")


def _reduced(x, factor):
    return keras.layers.AveragePooling2D(factor)(x) if factor > 1 else x


def _convolved(x, filters, side, normalise):
    """A convolution and the maxima of 2 x 2, before which the ReLU would find the same."""
    start = RELU["kernel_initializer"]
    x = layers.ImageConv2D(filters, side, use_bias=not normalise, kernel_initializer=start)(x)
    x = keras.layers.MaxPooling2D(padding="same")(x)
    return keras.layers.ReLU()(layers.FusedBatchNormalization()(x) if normalise else x)


def _logits(x, classes, dropout):
    x = keras.layers.Dropout(dropout)(x) if dropout else x
    return keras.layers.Dense(classes, dtype="float32", name="logits")(x)


@keras.saving.register_keras_serializable("tfvision")
class SpatialTransformerNetwork(System):
    """A classifier, and in front of it a transformer that chooses what it sees.

    Both are trained together by the cross-entropy of the classes alone. Compiled with `optimizer`,
    and where there is a transformer with `localisation_optimizer`, whose rate is often smaller.

    classifier    keras.Model, what the transformer hands on (else the image) -> logits [b, k]
    transformer   None, or a layers.SpatialTransformer
    shape         (h, w, c) of the images
    """

    def __init__(self, classifier, transformer=None, *, shape, **options):
        super().__init__(**options)
        self.classifier, self.transformer, self.shape = classifier, transformer, tuple(shape)
        if transformer is not None and not transformer.built:
            transformer.build((None, *self.shape))
        self.make_means("loss", "error")
        self.built = True

    def get_config(self):
        return {name: getattr(self, name) for name in ("classifier", "transformer", "shape")}

    def updates(self):
        own = {"optimizer": self.classifier.trainable_weights}
        if self.transformer is None:
            return own
        return own | {"localisation_optimizer": self.transformer.trainable_weights}

    def call(self, image, training=False):
        """Logits float32 [b, k] of images float [b, h, w, c], 0..1."""
        if self.transformer is not None:
            image = self.transformer(image, training=training)
        return self.classifier(image, training=training)

    def train_step(self, batch):
        """One step on {"image": uint8 [b, h, w, c], "label": int32 [b]}."""
        with tf.GradientTape() as tape:
            logits = self(self.pixels(batch["image"]), training=True)
            loss = tf.reduce_mean(cross_entropy(batch["label"], logits))
        weights = self.updates()
        gradients = iter(self.shares(tape, loss, weights))
        for name, moved in weights.items():
            optimizer = getattr(self, name)
            optimizer.apply_gradients((next(gradients), weight) for weight in moved)
        return self.track(loss=loss, error=mean_error(batch["label"], logits))

    def shares(self, tape, loss, weights):
        """This replica's gradients of all weights, from one pass back; see System.descend."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        gradients = tape.gradient(loss, [one for moved in weights.values() for one in moved])
        return [gradient / replicas for gradient in gradients] if replicas > 1 else gradients

    def test_step(self, batch):
        logits = self(self.pixels(batch["image"]))
        loss = tf.reduce_mean(cross_entropy(batch["label"], logits))
        return self.track(loss=loss, error=mean_error(batch["label"], logits))

    def pixels(self, image):
        """uint8 0..255 -> float32 0..1."""
        return tf.cast(image, tf.float32) / 255

    def look(self, image):
        """What the network says of images, and where it looked: a dict.

        image          uint8 [b, h, w, c]
        probabilities  float32 [b, k]
        label          int32 [b], the most probable class
        and with a transformer, of each of its n parallel ones:
        theta          float32 [b, n, numbers], see layers.SpatialTransformer
        transformed    uint8 [b, n, rows, columns, c], what was handed on
        outline        float32 [b, n, 4, 2], (x, y) px: where its corners lie in the image,
                       clockwise from the first pixel
        """
        image, found = self.pixels(image), {}
        image.set_shape([None, *self.shape])  # Decoded files do not say theirs.
        if self.transformer is not None:
            theta = self.transformer.theta(image)
            seen = self.transformer.sample(image, theta)
            found = self.described(image, theta, seen)
            image = seen
        logits = self.classifier(image, training=False)
        label = tf.argmax(logits, -1, output_type=tf.int32)
        return {"probabilities": tf.nn.softmax(logits), "label": label} | found

    def described(self, image, theta, seen):
        """theta, transformed and outline, as look has them."""
        points = self.transformer.points(theta, image.shape[1:3])
        corners = [points[:, :, y, x] for y, x in ((0, 0), (0, -1), (-1, -1), (-1, 0))]
        seen = tf.cast(seen, tf.float32)
        seen = seen if self.transformer.count > 1 else tf.expand_dims(seen, 1)
        levels = tf.cast(tf.round(tf.clip_by_value(seen, 0.0, 1.0) * 255), tf.uint8)
        return {"theta": theta, "transformed": levels, "outline": tf.stack(corners, 2)}

    def border(self, image):
        """The whole outline, bent or straight: float32 [b, n, points, 2], (x, y) px.

        image   uint8 [b, h, w, c]
        """
        image = self.pixels(image)
        points = self.transformer.points(self.transformer.theta(image), image.shape[1:3])
        sides = [points[:, :, 0], points[:, :, 1:, -1], points[:, :, -1, -2::-1],
                 points[:, :, -2:0:-1, 0]]
        return tf.concat(sides, 2)


def cross_entropy(label, logits):
    """float32 [b] from int [b] and logits [b, k]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits)


def mean_error(label, logits):
    """Share of the examples with another class than the most probable one."""
    found = tf.argmax(logits, -1, output_type=tf.int32)
    return tf.reduce_mean(tf.cast(found != tf.cast(label, tf.int32), tf.float32))
