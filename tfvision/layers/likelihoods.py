"""What a decoder's maps say about the pixels of an image: the distributions p(x|z)."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfvision import ops

PIXELS = 1  # Purpose of the noise that binarises.


@keras.saving.register_keras_serializable("tfvision")
class BernoulliLikelihood(keras.layers.Layer):
    """Pixels are ink or none, independently, given z; the maps are the logits of ink.

    inputs    maps float [..., h, w, c]
    return    the mean image float32 [..., h, w, c], 0..1
    """

    maps = 1  # For each channel of the image.
    noise = 2  # Normal numbers that `sample` wants for each value of the image.

    def __init__(self, **options):
        super().__init__(**{"dtype": "float32", **options})
        self.built = True

    def call(self, inputs):
        return tf.sigmoid(inputs)

    def distribution(self, maps):
        """p(x|z), a tfd.Distribution over images of 0 and 1; log_prob is in nats per image."""
        maps = tf.cast(maps, tf.float32)
        return tfd.Independent(tfd.Bernoulli(logits=maps, dtype=tf.float32), 3)

    def log_prob(self, maps, x):
        """distribution(maps).log_prob(x) in half the time: float32 [...], nats per image."""
        maps = tf.cast(maps, tf.float32)
        return tf.reduce_sum(x * maps - tf.nn.softplus(maps), [-3, -2, -1])

    def sample(self, maps, noise):
        """An image of p(x|z), 0 or 1.

        maps    float [b, h, w, c]
        noise   standard normal numbers [b, h, w, 2 c]
        return  float32 [b, h, w, c]
        """
        first, second = tf.split(tf.cast(noise, tf.float32), 2, -1)
        log_uniform = -0.5 * (first**2 + second**2)  # Box and Muller's, read backwards.
        return tf.cast(log_uniform < -tf.nn.softplus(-tf.cast(maps, tf.float32)), tf.float32)

    def observe(self, image, index, *, seed):
        """The image binarised: its grey values are the probabilities of ink.

        In a training, where an example's `index` is another in every epoch, this is the dynamic
        binarisation of Burda et al. (2016).

        image    uint8 [b, h, w, c]
        index    int64 [b], consecutive
        return   float32 [b, h, w, c], 0 or 1
        """
        noise = ops.example_uniform(index, int(np.prod(image.shape[1:])), seed=seed, purpose=PIXELS)
        noise = tf.reshape(noise, [-1, *image.shape[1:]])
        return tf.cast(noise < tf.cast(image, tf.float32) / 255, tf.float32)

    def maps_of(self, mean):
        """The maps whose mean image is `mean`, kept in 0.001..0.999: float32 array."""
        mean = np.clip(mean, 0.001, 0.999)
        return np.log(mean / (1 - mean)).astype(np.float32)


@keras.saving.register_keras_serializable("tfvision")
class GaussianLikelihood(keras.layers.Layer):
    """p(x|z) = N(x; f(z), sigma^2 I) (lecture eq. 7): the maps are the mean.

    Densities are of grey values on the scale 0..1, and constants are kept, so that nats compare
    with those of any other density on that scale.

    sigma     of every pixel; the start where it is learned
    learned   whether sigma is a weight
    inputs    maps float [..., h, w, c]
    return    the mean image float32 [..., h, w, c]
    raises    ValueError for sigma <= 0
    """

    maps = 1
    noise = 1

    def __init__(self, sigma=0.1, *, learned=False, **options):
        super().__init__(**{"dtype": "float32", **options})
        if not sigma > 0:
            raise ValueError(f"Expected sigma > 0. Received: sigma={sigma}")
        start = keras.initializers.Constant(float(np.log(sigma)))
        self.log_sigma = self.add_weight(
            name="log_sigma", shape=(), initializer=start, trainable=learned
        )
        self.start, self.learned = sigma, learned
        self.built = True

    def get_config(self):
        return {**super().get_config(), "sigma": self.start, "learned": self.learned}

    @property
    def sigma(self):
        """Standard deviation of a pixel, a float32 scalar."""
        return tf.exp(self.log_sigma.value)

    def call(self, inputs):
        return inputs

    def distribution(self, maps):
        """p(x|z), a tfd.Distribution over images; log_prob is in nats per image."""
        return tfd.Independent(tfd.Normal(tf.cast(maps, tf.float32), self.sigma), 3)

    def log_prob(self, maps, x):
        """distribution(maps).log_prob(x): float32 [...], nats per image."""
        return self.distribution(maps).log_prob(x)

    def sample(self, maps, noise):
        """An image of p(x|z): maps and standard normal numbers [b, h, w, c] -> float32, not cut."""
        return maps + self.sigma * noise

    def observe(self, image, index, *, seed):
        """The image's grey values: uint8 [b, h, w, c] -> float32, 0..1; nothing is drawn."""
        return grey(image)

    def maps_of(self, mean):
        """The maps whose mean image is `mean`: float32 array."""
        return np.asarray(mean, np.float32)


@keras.saving.register_keras_serializable("tfvision")
class PixelGaussianLikelihood(keras.layers.Layer):
    """p(x|z) = N(x; f(z), diag(g(z))^2): the maps are a mean and a sigma for each pixel.

    As GaussianLikelihood, but the decoder says how sure it is of each pixel. Where a pixel never
    changes, its density would grow without bound as sigma goes to 0: hence the least sigma.

    sigma     of every pixel at the start
    least     what sigma stays above, 0..sigma
    inputs    maps float [..., h, w, 2 c]: means, and s where sigma = least + softplus(s)
    return    the mean image float32 [..., h, w, c]
    raises    ValueError unless 0 < least < sigma
    """

    maps = 2
    noise = 1

    def __init__(self, sigma=0.1, *, least=0.01, **options):
        super().__init__(**{"dtype": "float32", **options})
        if not 0 < least < sigma:
            raise ValueError(f"Expected 0 < least < sigma. Received: least={least}, sigma={sigma}")
        self.start, self.least = sigma, least
        self.built = True

    def get_config(self):
        return {**super().get_config(), "sigma": self.start, "least": self.least}

    def parts(self, maps):
        """The mean and sigma of each pixel, float32 [..., h, w, c] both."""
        mean, wide = tf.split(tf.cast(maps, tf.float32), 2, -1)
        return mean, self.least + tf.nn.softplus(wide)

    def call(self, inputs):
        return self.parts(inputs)[0]

    def distribution(self, maps):
        """p(x|z), a tfd.Distribution over images; log_prob is in nats per image."""
        return tfd.Independent(tfd.Normal(*self.parts(maps)), 3)

    def log_prob(self, maps, x):
        """distribution(maps).log_prob(x): float32 [...], nats per image."""
        return self.distribution(maps).log_prob(x)

    def sample(self, maps, noise):
        """An image of p(x|z): standard normal numbers [b, h, w, c] -> float32, not cut."""
        mean, sigma = self.parts(maps)
        return mean + sigma * noise

    def observe(self, image, index, *, seed):
        """The image's grey values: uint8 [b, h, w, c] -> float32, 0..1; nothing is drawn."""
        return grey(image)

    def maps_of(self, mean):
        """The maps whose mean image is `mean` and whose sigma is the start: float32 array."""
        wide = np.log(np.expm1(self.start - self.least))  # softplus of it is the difference.
        return np.concatenate([mean, np.full_like(mean, wide)], -1).astype(np.float32)


def grey(image):
    """Grey values 0..1 of images uint8: float32."""
    return tf.cast(image, tf.float32) / 255
