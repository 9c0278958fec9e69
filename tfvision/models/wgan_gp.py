"""WGAN-GP: a generator trained against a 1-Lipschitz critic (Gulrajani et al., NIPS 2017)."""

import keras
import tensorflow as tf

from tfvision import layers, ops
from tfvision.losses import adversarial
from tfvision.models import ema
from tfvision.models.base import System

CRITIC, GENERATOR, MIXING = range(3)  # What a step's noise is for.
PENALTY_AT = ("interpolates", "real")


def generator_network(*, size=28, channels=1, latent=64, filters=32, widest=128):
    """Noise in, images out: a dense layer, then up by transposed convolutions.

    size     side of the images, px: 4..7 times a power of 2
    filters  channels at full size; twice as many per halving, up to `widest`
    inputs   z float [b, latent], standard normal
    return   images float32 [b, size, size, channels], -1..1
    """
    small, levels = smallest_side(size)
    widths = [min(filters * 2**level, widest) for level in range(levels + 1)]
    z = keras.Input([latent], name="z")
    x = dense(small * small * widths[levels])(z)
    x = keras.layers.ReLU()(keras.layers.Reshape([small, small, widths[levels]])(x))
    for width in reversed(widths[:levels]):
        # The stride divides the kernel's side, so that all pixels get as many contributions.
        x = keras.layers.Conv2DTranspose(
            width, 4, strides=2, padding="same", kernel_initializer="he_normal"
        )(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.Conv2D(channels, 3, padding="same", dtype="float32")(x)
    return keras.Model(z, keras.layers.Activation("tanh", dtype="float32")(x), name="generator")


def critic_network(*, size=28, channels=1, filters=32, widest=128, norm=False):
    """Images in, scores out: strided convolutions, then a dense layer.

    It has no batch normalisation: the penalty asks for the slope at each image, and so each score
    must be its own image's alone.

    norm     layer normalisation after each convolution but the first
    inputs   images float [b, size, size, channels], -1..1
    return   scores float32 [b, 1], without bounds
    """
    _, levels = smallest_side(size)
    x = images = keras.Input([size, size, channels], name="images")
    for level in range(levels):
        width = min(filters * 2 ** (level + 1), widest)
        x = convolution(width, 4, strides=2)(x)
        if norm and level:
            x = layers.LayerNormalization()(x)
        x = keras.layers.LeakyReLU(0.2)(x)
    x = keras.layers.LeakyReLU(0.2)(convolution(min(filters * 2**levels, widest), 3)(x))
    # Without bias: differences of scores are all that counts.
    scores = keras.layers.Dense(1, use_bias=False, dtype="float32")(keras.layers.Flatten()(x))
    return keras.Model(images, scores, name="critic")


def convolution(filters, kernel, strides=1):
    return keras.layers.Conv2D(
        filters, kernel, strides=strides, padding="same", kernel_initializer="he_normal"
    )


def dense(units):
    return keras.layers.Dense(units, kernel_initializer="he_normal")


def smallest_side(size):
    """(4..7, n): the side of the smallest maps, px, and the number of halvings down to it."""
    small, levels = size, 0
    while small > 7 and small % 2 == 0:
        small, levels = small // 2, levels + 1
    if not 4 <= small <= 7:
        raise ValueError(f"Expected a size of 4, 5, 6 or 7 times a power of 2. Received: {size=}")
    return small, levels


@keras.saving.register_keras_serializable("tfvision")
class WGANGP(System):
    """Algorithm 1 of the paper, with an average of the generator's weights.

    generator       z float [b, latent] -> images float [b, h, w, c], -1..1
    critic          images -> scores float [b, 1]; nothing in it may mix examples
    critic_steps    steps of the critic per step of the generator, each on fresh images (n_critic)
    penalty_weight  the paper's lambda
    penalty_at      "interpolates" of real and generated images, or, as in the lecture, "real"
    target          the slope that the penalty asks for
    half_life       of the averaged weights, in generated images
    warm_up         steps over which the half-life grows to that from 0
    seed            of the noise
    """

    def __init__(
        self, generator, critic, *, critic_steps=5, penalty_weight=10.0,
        penalty_at="interpolates", target=1.0, half_life=10_000.0, warm_up=1000, seed=0, **options,
    ):
        super().__init__(**options)
        if penalty_at not in PENALTY_AT or critic_steps < 1:
            raise ValueError(
                f"Expected penalty_at in {PENALTY_AT} and critic_steps >= 1. "
                f"Received: {penalty_at=}, {critic_steps=}"
            )
        self.generator, self.critic = generator, critic
        self.average = ema.frozen_clone(generator)
        self.critic_steps, self.penalty_weight = critic_steps, penalty_weight
        self.penalty_at, self.target = penalty_at, target
        self.half_life, self.warm_up, self.seed = half_life, warm_up, seed
        self.latent = generator.input_shape[-1]
        self.make_means("distance", "penalty", "critic_loss", "generator_loss")
        self.built = True

    def get_config(self):
        names = ("generator", "critic", "critic_steps", "penalty_weight", "penalty_at", "target",
                 "half_life", "warm_up", "seed")
        return {name: getattr(self, name) for name in names}

    def updates(self):
        return {
            "critic_optimizer": self.critic.trainable_weights,
            "generator_optimizer": self.generator.trainable_weights,
        }

    def call(self, z, training=False):
        """Images of noise, by the averaged weights: float32 [b, latent] -> [b, h, w, c], -1..1."""
        return self.average(z, training=training)

    def sample(self, z):
        """Images of noise, by the averaged weights: float32 [b, latent] -> uint8 [b, h, w, c]."""
        return to_pixels(self(z))

    def train_step(self, batch):
        """Algorithm 1, one turn of its loop.

        batch   "image" uint8 [k * m, h, w, c]: fresh real images for each of the k critic steps,
                every k-th belongs to the same step; "index" int64 [k * m], their numbers
        """
        k, index = self.critic_steps, batch["index"]
        real = from_pixels(batch["image"])
        fake = self.generator(self.noise(index, CRITIC), training=True)  # It rests until line 11.
        epsilon = ops.example_uniform(index, 1, seed=self.seed, purpose=MIXING)
        for t in range(k):
            logs = self.improve_critic(real[t::k], fake[t::k], epsilon[t::k])
        logs |= self.improve_generator(self.noise(index, GENERATOR)[::k])
        self.move_average(tf.shape(real)[0] // k)
        return self.track(**logs)

    def improve_critic(self, real, fake, epsilon):
        """Lines 4 to 9, for m real images, generated ones and mixing factors."""
        with tf.GradientTape() as tape:
            scores = self.critic(real, training=True), self.critic(fake, training=True)
            loss = tf.reduce_mean(adversarial.wasserstein_critic(*scores))
            penalty = tf.reduce_mean(self.penalty(real, fake, epsilon))
            total = loss + self.penalty_weight * penalty
        self.descend(tape, total, self.critic_optimizer, self.critic.trainable_weights)
        return {"distance": -loss, "penalty": penalty, "critic_loss": total}

    def penalty(self, real, fake, epsilon):
        """(|slope of the critic| - target)^2, float32 [m], where `penalty_at` says."""
        points = real
        if self.penalty_at == "interpolates":
            points = adversarial.interpolates(real, fake, epsilon)
        critic = lambda images: self.critic(images, training=True)  # noqa: E731
        return adversarial.gradient_penalty(critic, points, target=self.target)

    def improve_generator(self, z):
        """Lines 11 and 12, for m noise vectors."""
        with tf.GradientTape() as tape:
            scores = self.critic(self.generator(z, training=True), training=True)
            loss = tf.reduce_mean(adversarial.wasserstein_generator(scores))
        self.descend(tape, loss, self.generator_optimizer, self.generator.trainable_weights)
        return {"generator_loss": loss}

    def move_average(self, images):
        """The averaged weights follow the generator's; `images` is this replica's m."""
        images *= tf.distribute.get_strategy().num_replicas_in_sync
        step = self.generator_optimizer.iterations.value
        half_life = ops.linear_ramp(step, 0, self.warm_up, last=self.half_life)
        ema.follow(self.average, self.generator, decay=ema.decay_for(half_life, images))

    def noise(self, index, purpose):
        return ops.example_normal(index, self.latent, seed=self.seed, purpose=purpose)

    def distance(self, real, fake):
        """The critic's estimate of the earth mover's distance, float scalar.

        real, fake  uint8 [n, h, w, c]
        """
        scores = [tf.reduce_mean(self.critic(from_pixels(images))) for images in (real, fake)]
        return scores[0] - scores[1]


def from_pixels(images):
    """uint8 0..255 -> float32 -1..1."""
    return tf.cast(images, tf.float32) / 127.5 - 1


def to_pixels(images):
    """float -1..1 -> uint8 0..255, rounded."""
    return tf.cast(tf.clip_by_value(tf.round((images + 1) * 127.5), 0, 255), tf.uint8)
