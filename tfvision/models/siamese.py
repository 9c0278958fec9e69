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
    Koch's: the head makes a logit of each pair, and the loss is the cross-entropy. With a
    batch_loss it learns from triplets, or from whatever else that function compares.

    net         keras.Model, float [b, s, s, c] -> [b, d]
    head        None, or layers.embedding.WeightedL1
    batch_loss  None, or labels [b], embeddings [b, d] -> [b], of the (worker's) batch:
                losses.batch.BatchLoss
    margin      of the contrastive loss, in units of the embedding
    form        of the contrastive loss, see losses.metric
    mining      of pairs. "none": all inside each group of `group` examples that stand behind one
                another, so that workers with whole groups make the steps of a single one; "hard":
                each example's `count` farthest equals and nearest others in the (worker's) batch
    bright_ink  whether images have bright ink on dark paper, as MNIST, not dark ink on bright
    """

    def __init__(
        self, net, *, head=None, batch_loss=None, margin=1.0, form="lecture", mining="none",
        group=8, count=1, bright_ink=False, **options
    ):
        super().__init__(**options)
        if mining not in ("none", "hard"):
            raise ValueError(f"Expected mining 'none' or 'hard'. Received: mining={mining!r}")
        if head is not None and batch_loss is not None:
            raise ValueError("Expected a head or a batch_loss. Received: both")
        self.net, self.head, self.batch_loss = net, head, batch_loss
        self.margin, self.form, self.mining = margin, form, mining
        self.group, self.count, self.bright_ink = group, count, bright_ink
        if head is not None and not head.built:
            head.build(net.output_shape)
        active = "active_negatives" if batch_loss is None else "active_triplets"
        self.make_means("loss", active, "mean_distance", "collapsed")
        self.built = True

    def get_config(self):
        names = (
            "net", "head", "batch_loss", "margin", "form", "mining", "group", "count", "bright_ink",
        )
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
        """The mean loss of the mined pairs or triplets, and what is watched over all."""
        embedding, label = self(batch["image"], training=training), batch["label"]
        if self.batch_loss is not None:
            loss = tf.reduce_mean(self.batch_loss(label, embedding))
            active = self.batch_loss.active(label, tf.stop_gradient(embedding))
            return loss, {"active_triplets": active, **self.spread(embedding)}
        embedding, label = self.grouped(embedding, label)
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
            label = ~same if self.form == "hadsell" else same
            return metric.contrastive(label, distance, margin=self.margin, form=self.form)
        return tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(same, tf.float32), -distance)

    def mined(self, same, distance):
        """Which pairs count: bool, as `same`."""
        if self.mining == "none":
            return mining.all_pairs(same)
        return mining.hard_pairs(tf.stop_gradient(distance), same, count=self.count)

    def watched(self, embedding, same, distance):
        """Share of the unequal pairs that are too near, and how the embeddings spread."""
        near = tf.cast(distance < (self.margin if self.head is None else 0.0), tf.float32)
        return {"active_negatives": mining.mean_of(near, ~same), **self.spread(embedding)}

    def spread(self, embedding):
        """The mean distance of all pairs, and whether it is under a tenth of the margin: 0, 1.

        A mean distance that goes to 0 is a collapse: all images get one embedding.
        """
        apart = ops.pairwise_distances(tf.stop_gradient(embedding))
        mean = mining.mean_of(apart, mining.all_pairs(apart))
        return {"mean_distance": mean, "collapsed": tf.cast(mean < 0.1 * self.margin, tf.float32)}

    def shade(self, image):
        """How much ink is in each pixel: uint8 -> float32, 0..1."""
        bright = tf.cast(image, tf.float32) / 255
        return bright if self.bright_ink else 1 - bright

    def ink(self, image):
        """What the network sees: uint8 [b, h, w, c] -> ink, float [b, s, s, c] in 0..1."""
        size, ink = self.net.input_shape[1:3], self.shade(image)
        return ink if tuple(image.shape[1:3]) == size else ops.area_resize(ink, size)

    def embed(self, image):
        """Embeddings float32 [b, d] of images uint8 [b, h, w, c] of any size."""
        return self(self.ink(image), training=False)
