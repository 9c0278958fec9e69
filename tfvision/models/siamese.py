"""Siamese networks: embeddings whose distance tells how alike images are (Bromley et al., 1994)."""

import keras
import tensorflow as tf

from tfvision import layers, ops
from tfvision.layers.embedding import UnitLength
from tfvision.losses import metric, mining
from tfvision.models.base import System


def small(
    *, size=35, channels=1, widths=(32, 64, 128, 128), depth=1, dimensions=64, unit_length=True
):
    """A compact embedding network: 3x3 convolutions, each with batch normalisation, and a layer.

    inputs       float [b, size, size, channels], ink 0..1
    widths       channels of each level; the maps are halved between levels
    depth        convolutions of each level but the first, which has one
    dimensions   numbers of the embedding
    unit_length  divide the embedding by its length
    return       float32 [b, dimensions]
    """
    x = image = keras.Input([size, size, channels], name="image")
    for level, width in enumerate(widths):
        x = keras.layers.MaxPooling2D()(x) if level else x
        for _ in range(depth if level else 1):
            x = keras.layers.Conv2D(
                width, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
            )(x)
            x = keras.layers.ReLU()(layers.FusedBatchNormalization()(x))
    # No distance sees an offset of all embeddings, unless their lengths are taken out.
    last = keras.layers.Dense(dimensions, use_bias=unit_length, dtype="float32")
    x = last(keras.layers.Flatten()(x))
    return keras.Model(image, UnitLength()(x) if unit_length else x, name="small")


def koch(*, init="he"):
    """The network of Koch, Zemel and Salakhutdinov (2015, fig. 4): 38,947,648 weights.

    init     "he", or "paper": normal weights of deviation 0.01 (0.2 in the last layer), biases
             around 0.5; it needs the paper's days of training
    inputs   float [b, 105, 105, 1], ink 0..1
    return   float32 [b, 4096], 0..1
    """
    def options(deviation, otherwise):
        if init == "he":
            return {"kernel_initializer": otherwise}
        normal = keras.initializers.RandomNormal
        return {"kernel_initializer": normal(0, deviation), "bias_initializer": normal(0.5, 0.01)}

    x = image = keras.Input([105, 105, 1], name="image")
    for width, side in ((64, 10), (128, 7), (128, 4), (256, 4)):
        x = keras.layers.MaxPooling2D()(x) if width > 64 else x
        x = keras.layers.Conv2D(width, side, activation="relu", **options(0.01, "he_normal"))(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(4096, dtype="float32", **options(0.2, "glorot_normal"))(x)
    return keras.Model(image, keras.layers.Activation("sigmoid", dtype="float32")(x), name="koch")


@keras.saving.register_keras_serializable("tfvision")
class Siamese(System):
    """Learns an embedding from which images are alike.

    Without a head it is the lecture's: Euclidean distances and the contrastive loss. With one it is
    Koch's: the head makes a logit of each pair, and the loss is the cross-entropy.

    net      keras.Model, float [b, s, s, c] -> [b, d]
    head     None, or layers.embedding.WeightedL1
    margin   of the contrastive loss, in units of the embedding
    mining   "none": all pairs inside each group of `group` examples that stand behind one another,
             so that workers with whole groups make the steps of a single one; "hard": each
             example's `count` farthest equals and nearest others in the (worker's) batch
    """

    def __init__(self, net, *, head=None, margin=1.0, mining="none", group=8, count=1, **options):
        super().__init__(**options)
        if mining not in ("none", "hard"):
            raise ValueError(f"Expected mining 'none' or 'hard'. Received: mining={mining!r}")
        self.net, self.head, self.margin = net, head, margin
        self.mining, self.group, self.count = mining, group, count
        if head is not None and not head.built:
            head.build(net.output_shape)
        self.make_means("loss", "active_negatives", "mean_distance")
        self.built = True

    def get_config(self):
        names = ("net", "head", "margin", "mining", "group", "count")
        return {name: getattr(self, name) for name in names}

    def call(self, image, training=False):
        """Embeddings of ink: float [b, s, s, c] in 0..1 -> float32 [b, d]."""
        return self.net(image, training=training)

    def train_step(self, batch):
        """One step on the pairs that are mined from a batch {"image", "label"}."""
        with tf.GradientTape() as tape:
            loss, watched = self.compared(batch, training=True)
        self.descend(tape, loss, self.optimizer, self.trainable_weights)
        return self.track(loss=loss, **watched)

    def test_step(self, batch):
        loss, watched = self.compared(batch, training=False)
        return self.track(loss=loss, **watched)

    def compared(self, batch, training):
        """The mean loss of the mined pairs, and what is watched over all."""
        embedding, label = self.grouped(self(batch["image"], training=training), batch["label"])
        same, distance = mining.equal_pairs(label), self.distances(embedding)
        loss = mining.mean_of(self.pair_loss(same, distance), self.mined(same, distance))
        return loss, self.watched(embedding, same, distance)

    def grouped(self, embedding, label):
        """Embeddings [g, n, d] and labels [g, n] of what is compared; all in one when mining."""
        n = tf.shape(label)[0] if self.mining == "hard" else self.group
        return tf.reshape(embedding, [-1, n, embedding.shape[-1]]), tf.reshape(label, [-1, n])

    def distances(self, a, b=None):
        """What is small for images that are alike: [..., n, d], [..., m, d] -> [..., n, m].

        Euclidean; with a head the logit of being different, which may be negative. b = None: a.
        """
        if self.head is None:
            return ops.pairwise_distances(a, b)
        return -self.head(a, a if b is None else b)

    def pair_loss(self, same, distance):
        """The contrastive loss, or with a head the cross-entropy, of each pair."""
        if self.head is None:
            return metric.contrastive(same, distance, margin=self.margin)
        return tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(same, tf.float32), -distance)

    def mined(self, same, distance):
        """Which pairs count: bool, as `same`."""
        if self.mining == "none":
            return mining.all_pairs(same)
        return mining.hard_pairs(tf.stop_gradient(distance), same, count=self.count)

    def watched(self, embedding, same, distance):
        """Share of the unequal pairs that are too near, and the mean distance of all pairs.

        A mean distance that goes to 0 is a collapse: all images get one embedding.
        """
        near = tf.cast(distance < (self.margin if self.head is None else 0.0), tf.float32)
        spread = ops.pairwise_distances(tf.stop_gradient(embedding))
        return {
            "active_negatives": mining.mean_of(near, ~same),
            "mean_distance": mining.mean_of(spread, mining.all_pairs(same)),
        }

    def ink(self, image):
        """What the network sees: uint8 [b, h, w, c], dark on bright -> float [b, s, s, c], 0..1."""
        size = self.net.input_shape[1:3]
        ink = 1 - tf.cast(image, tf.float32) / 255
        return ink if tuple(image.shape[1:3]) == size else ops.area_resize(ink, size)

    def embed(self, image):
        """Embeddings float32 [b, d] of images uint8 [b, h, w, c] of any size, dark on bright."""
        return self(self.ink(image), training=False)
