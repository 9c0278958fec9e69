"""Spatial transformers: layers that decide, from what they see, which part of it to hand on."""

import math
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from tfvision import ops

NUMBERS = {"location": 2, "attention": 3, "affine": 6, "projective": 8, "tps": 32}
CONTROLS = 4  # The thin plate spline's control points form a lattice of 4 x 4.


@keras.saving.register_keras_serializable("tfvision")
class SpatialTransformer(keras.layers.Layer):
    """Localisation network, grid generator and sampler (Jaderberg et al., 2015, section 3).

    A last dense layer is added to the localisation network. Its weights start at zero and its bias
    at the identity, so that an untrained transformer hands on what it sees. Places are computed
    in float32, whatever the policy.

    localisation    keras.Model or layer, from what it looks at to features [b, ...]; they are
                    flattened
    transform       what theta means, from the target to the source, both from -1 to 1:
                    "location"    (tx, ty), `scale` stays
                    "attention"   (s, tx, ty)
                    "affine"      the 6 numbers of a 2 x 3 matrix, row by row
                    "projective"  the first 8 of a 3 x 3 matrix; the last is 1
                    "tps"         16 offsets (x, y) of 4 x 4 control points, row by row
    size            (rows, columns) of the result; None: as the image
    count           transformers in parallel, which share the localisation network
    scale           of the part that is looked at in the beginning; 1 is the identity. Parts of
                    several transformers are spread evenly: 4 with scale 0.5 tile the image
    padding         what lies outside, as in ops.grid_sample
    gradient        at whole pixels "central", "right", or "paper" (its eq. 7, and the lecture's)
    align_corners   as in ops.affine_grid
    image_gradient  False where the image is data and not features: saves time
    image           float [b, h, w, c]
    seen            float [b, ...], what the localisation network looks at; None: the image
    return          [b, rows, columns, c], dtype of the layer; [b, count, ...] with count > 1
    raises          ValueError where an argument is none of these
    """

    def __init__(
        self, localisation, *, transform="affine", size=None, count=1, scale=1.0, padding="zeros",
        gradient="central", align_corners=True, image_gradient=True, **options,
    ):
        super().__init__(**options)
        if transform not in NUMBERS or count < 1 or not scale > 0:
            raise ValueError(
                f"Expected transform in {tuple(NUMBERS)}, count >= 1 and scale > 0. "
                f"Received: {transform=}, {count=}, {scale=}"
            )
        self.localisation, self.transform, self.count = localisation, transform, count
        self.size, self.scale = None if size is None else tuple(size), float(scale)
        self.padding, self.gradient = padding, gradient
        self.align_corners, self.image_gradient = align_corners, image_gradient
        self.head = keras.layers.Dense(
            count * NUMBERS[transform],
            kernel_initializer="zeros",
            bias_initializer=_Identity(transform, count, self.scale),
            dtype="float32",
            name="theta",
        )
        self._sample = ops.compiled(partial(
            _sampled, points=self.points, padding=padding, gradient=gradient,
            image_gradient=image_gradient,
        ))

    def build(self, image_shape, seen_shape=None):
        shape = image_shape if seen_shape is None else seen_shape
        if not self.localisation.built:
            self.localisation.build(shape)
        features = self.localisation.compute_output_shape(shape)[1:]
        self.head.build([None, math.prod(features)])

    def call(self, image, seen=None, training=None):
        return self.sample(image, self.theta(image if seen is None else seen, training))

    def theta(self, seen, training=None):
        """The transforms that the localisation network finds: float32 [b, count, numbers]."""
        features = self.localisation(seen, training=training)
        features = tf.reshape(features, [-1, math.prod(features.shape[1:])])
        return tf.reshape(self.head(features), [-1, self.count, NUMBERS[self.transform]])

    def sample(self, image, theta):
        """What lies where theta says; shapes as in the class's text.

        theta  float32 [b, count, numbers], as `theta` gives it
        """
        values = self._sample(tf.cast(image, self.compute_dtype), tf.cast(theta, tf.float32))
        return values[:, 0] if self.count == 1 else values

    def points(self, theta, source_size):
        """Where each pixel of the results is read: float32 [b, count, rows, columns, 2], (x, y) px.

        source_size  (rows, columns) of the image that is read
        """
        size = source_size if self.size is None else self.size
        flat = tf.reshape(theta, [-1, NUMBERS[self.transform]])
        sizes = {"align_corners": self.align_corners, "source_size": source_size}
        points = grid(self.transform, flat, size, scale=self.scale, **sizes)
        rows, columns = (tf.shape(points)[i] if points.shape[i] is None else points.shape[i]
                         for i in (1, 2))
        return tf.reshape(points, [-1, self.count, rows, columns, 2])

    def compute_output_shape(self, image_shape, seen_shape=None):
        b, h, w, c = image_shape
        shape = (*(self.size or (h, w)), c)
        return (b, *shape) if self.count == 1 else (b, self.count, *shape)

    def get_config(self):
        names = ("transform", "size", "count", "scale", "padding", "gradient", "align_corners",
                 "image_gradient")
        inner = keras.saving.serialize_keras_object(self.localisation)
        own = {name: getattr(self, name) for name in names}
        return super().get_config() | {"localisation": inner} | own

    @classmethod
    def from_config(cls, config):
        inner = keras.saving.deserialize_keras_object(config.pop("localisation"))
        return cls(inner, **config)


def grid(transform, theta, size, *, scale=1.0, align_corners=True, source_size=None):
    """Where each pixel of the target is read, px: float32 [b, rows, columns, 2].

    transform, theta   float32 [b, numbers], as SpatialTransformer has them
    size, source_size  (rows, columns) of target and source
    scale              of "location"
    """
    sizes = {"size": size, "align_corners": align_corners, "source_size": source_size}
    if transform == "tps":
        offsets = tf.reshape(theta, [-1, CONTROLS, CONTROLS, 2])
        return ops.thin_plate_spline_grid(offsets, **sizes)
    if transform == "projective":
        whole = tf.concat([theta, tf.ones_like(theta[:, :1])], 1)
        return ops.projective_grid(tf.reshape(whole, [-1, 3, 3]), **sizes)
    if transform in ("location", "attention"):
        theta = _as_affine(theta if transform == "attention" else
                           tf.concat([tf.fill(tf.shape(theta[:, :1]), scale), theta], 1))
    return ops.affine_grid(tf.reshape(theta, [-1, 2, 3]), **sizes)


def start(transform, count=1, scale=1.0):
    """theta of an untrained transformer: float32 [count, numbers].

    The parts, `scale` of the image's sides, are spread over rows and columns of the image.
    """
    return np.stack([_start(transform, scale, *centre) for centre in _centres(count, scale)])


def _as_affine(theta):
    """(s, tx, ty) as (s, 0, tx, 0, s, ty)."""
    s, x, y = tf.unstack(theta, axis=1)
    return tf.stack([s, tf.zeros_like(s), x, tf.zeros_like(s), s, y], 1)


def _start(transform, scale, x, y):
    """theta of a part with this scale and centre (normalised)."""
    rows = {
        "location": [x, y],
        "attention": [scale, x, y],
        "affine": [scale, 0, x, 0, scale, y],
        "projective": [scale, 0, x, 0, scale, y, 0, 0],
    }
    if transform in rows:
        return np.float32(rows[transform])
    along = np.linspace(-1, 1, CONTROLS)
    controls = np.stack(np.meshgrid(along, along), -1)
    return np.float32((scale - 1) * controls + (x, y)).ravel()


def _centres(count, scale):
    """(x, y) of `count` parts in rows as long as they are many, none of them empty."""
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    for i in range(count):
        row, column = divmod(i, columns)
        wide = min(columns, count - row * columns)
        yield _spread(column, wide, scale), _spread(row, rows, scale)


def _spread(i, count, scale):
    """Centre i of `count` parts from one edge to the other; a single one stands in the middle."""
    return 0.0 if count == 1 else (1 - scale) * (2 * i / (count - 1) - 1)


class _Identity(keras.initializers.Initializer):
    """`start` as a bias."""

    def __init__(self, transform, count, scale):
        self.value = start(transform, count, scale).ravel()

    def __call__(self, shape, dtype=None):
        return tf.cast(tf.reshape(self.value, shape), dtype or "float32")


def _sampled(image, theta, *, points, padding, gradient, image_gradient):
    """Grid generator and sampler in one, for XLA: [b, count, rows, columns, c]."""
    size = [tf.shape(image)[i] if image.shape[i] is None else image.shape[i] for i in (1, 2)]
    image = image if image_gradient else tf.stop_gradient(image)
    return ops.grid_sample(image, points(theta, size), padding=padding, gradient=gradient)
