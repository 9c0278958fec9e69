"""U-Net: semantic segmentation with skips (Ronneberger, Fischer and Brox, MICCAI 2015)."""

import keras
import tensorflow as tf

from tfvision import layers, ops
from tfvision.losses import segmentation
from tfvision.models.base import System


def network(
    *, filters=64, widest=1024, depth=4, channels=1, classes=2, padding="valid", norm=False,
    dropout=0.5,
):
    """The contracting and expanding paths (fig. 1): pixels in, one score per class out.

    With the defaults it is the paper's: valid 3x3 convolutions, 31,030,658 weights. It is fully
    convolutional: sides must be multiples of 2**depth (same) or `valid_size` (valid).

    filters  channels of the first level; each level below has twice as many, up to `widest`
    norm     batch normalisation after each convolution (not in the paper)
    inputs   float [b, h, w, channels], 0..1
    return   logits float32 [b, h', w', classes]; h' = h for "same", else h - 2 valid_margin(depth)
    """
    widths = [min(filters * 2**level, widest) for level in range(depth + 1)]

    def convolve(x, filters):
        for _ in range(2):
            x = keras.layers.Conv2D(
                filters, 3, padding=padding, use_bias=not norm, kernel_initializer="he_normal"
            )(x)
            x = keras.layers.ReLU()(layers.FusedBatchNormalization(momentum=0.9)(x) if norm else x)
        return x

    x = image = keras.Input([None, None, channels], name="image")
    skips = []
    for level in range(depth):
        x = convolve(x, widths[level])
        skips.append(x if level < depth - 1 else keras.layers.Dropout(dropout)(x))
        x = keras.layers.MaxPooling2D()(skips[-1])
    x = keras.layers.Dropout(dropout)(convolve(x, widths[depth]))
    for level in reversed(range(depth)):
        x = keras.layers.Conv2DTranspose(
            widths[level], 2, strides=2, kernel_initializer="he_normal"
        )(x)
        crop = valid_margin(depth - level) - 4 if padding == "valid" else 0
        x = keras.layers.Concatenate()([keras.layers.Cropping2D(crop)(skips[level]), x])
        x = convolve(x, widths[level])
    logits = keras.layers.Conv2D(classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name="unet")


def valid_margin(depth):
    """How far an output pixel sees, px: what valid convolutions cut from each side (92 for 4)."""
    return 6 * 2**depth - 4


def valid_size(at_least, depth=4):
    """The next side >= `at_least` whose poolings are all even: 188, 204, ... for depth 4."""
    step = 2**depth
    smallest = 12 * step - 4
    return smallest + max(-(-(at_least - smallest) // step), 0) * step


@keras.saving.register_keras_serializable("tfvision")
class UNet(System):
    """Learns and draws label maps.

    net      keras.Model from `network`, or any other fully convolutional one
    depth    poolings of the net; with `padding` it decides how tiles must overlap
    tile     side of the tiles that a whole image is cut into, px
    """

    def __init__(self, net, *, depth, padding, tile, **options):
        super().__init__(**options)
        self.net, self.depth, self.padding, self.tile = net, depth, padding, tile
        self.cut = valid_margin(depth) if padding == "valid" else 0  # px lost at each side
        self.margin = self.cut or 6 * 2**depth
        self.stride = (tile - 2 * self.margin) // 2**depth * 2**depth
        if self.stride <= 0 or (padding == "valid" and tile != valid_size(tile, depth)):
            raise ValueError(
                f"Expected a tile over {2 * self.margin} px, for valid padding "
                f"{valid_size(tile, depth)}. Received: tile={tile}, depth={depth}"
            )
        self.make_means("loss", "accuracy")
        self.built = True

    def get_config(self):
        return {
            "net": self.net, "depth": self.depth, "padding": self.padding, "tile": self.tile,
        }

    def call(self, image, training=False):
        """Scores of one tile: float [b, h, w, c] in 0..1 -> logits float32 [b, h', w', k]."""
        return self.net(image, training=training)

    def train_step(self, batch):
        """One step on the weighted pixel-wise cross-entropy (eq. 1 and 2; lecture eq. 18)."""
        with tf.GradientTape() as tape:
            logits = self(batch["image"], training=True)
            loss = self.weighted_loss(batch, logits)
        self.descend(tape, loss, self.optimizer, self.trainable_weights)
        return self.track(loss=loss, accuracy=self.pixel_accuracy(batch, logits))

    def test_step(self, batch):
        logits = self(batch["image"], training=False)
        loss = self.weighted_loss(batch, logits)
        return self.track(loss=loss, accuracy=self.pixel_accuracy(batch, logits))

    def weighted_loss(self, batch, logits):
        """Mean of w(x) * cross-entropy over the pixels the net answers for."""
        loss = segmentation.cross_entropy(self.visible(batch["label"]), logits)  # [b, h', w']
        if "weight" in batch:
            loss *= self.visible(batch["weight"])
        return tf.reduce_mean(loss)

    def pixel_accuracy(self, batch, logits):
        best = tf.argmax(logits, -1, output_type=tf.int32)
        return tf.reduce_mean(tf.cast(best == self.visible(batch["label"]), tf.float32))

    def visible(self, x):
        """The part of a map [b, h, w] that valid convolutions leave."""
        return x[:, self.cut : x.shape[1] - self.cut, self.cut : x.shape[2] - self.cut]

    @tf.function(reduce_retracing=True)
    def segment(self, image):
        """Label maps of whole images of any size, by overlapping tiles (fig. 2).

        image    uint8 [b, h, w, c]
        return   labels int32 [b, h, w], probabilities float32 [b, h, w, k]
        """
        logits = self.scores(image)
        return tf.argmax(logits, -1, output_type=tf.int32), tf.nn.softmax(logits)

    @tf.function(reduce_retracing=True)
    def segment_averaged(self, image):
        """As `segment`, the mean over quarter turns and mirror images (cf. section 4).

        Eight times the work, for somewhat better borders.
        """
        total = 0.0
        for turn in range(4):
            for mirror in (False, True):
                turned = tf.image.rot90(image[:, :, ::-1] if mirror else image, turn)
                back = tf.image.rot90(tf.nn.softmax(self.scores(turned)), -turn)
                total += back[:, :, ::-1] if mirror else back
        probabilities = total / 8
        return tf.argmax(probabilities, -1, output_type=tf.int32), probabilities

    def scores(self, image):
        """Logits float32 [b, h, w, k] of whole images uint8 [b, h, w, c]."""
        b, h, w = tf.unstack(tf.shape(image)[:3])
        tiles = ops.split_tiles(image, tile=self.tile, stride=self.stride, margin=self.margin)
        logits = self(tf.cast(tiles, tf.float32) / 255, training=False)
        crop = self.margin - self.cut
        logits = logits[:, crop : crop + self.stride, crop : crop + self.stride]
        return ops.join_tiles(logits, batch=b, height=h, width=w, stride=self.stride)
