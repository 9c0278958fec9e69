"""What PointNet knows of points and of their set (Qi, Su, Mo and Guibas, CVPR 2017)."""

import keras
import tensorflow as tf

from tfvision.layers.point_sets import DenseNorm, DenseNormMax

SYMMETRIC = ("max", "sum", "mean")


@keras.saving.register_keras_serializable("tfvision")
class PointEncoder(keras.layers.Layer):
    """h and g of f = gamma(g(h(x_1), ..., h(x_n))) (lecture, eq. 22): features of a point set.

    h is the same for all points, but for the matrices that T-Nets choose by looking at all of
    them; g is symmetric, so that the order of points does not matter.

    before     channels of the steps before the feature transform
    after      channels of the steps behind it
    top        features of the whole set
    transform  T-Nets of the points and of the features, in this order; None for none
    symmetric  g: "max" (eq. 20), "sum" (eq. 21) or "mean"; T-Nets always take the maximum
    momentum   of all batch norms
    """

    def __init__(
        self, before=(64, 64), after=(64, 128), top=1024, *, transform=(None, None),
        symmetric="max", momentum=0.9, **options,
    ):
        super().__init__(**options)
        if symmetric not in SYMMETRIC:
            raise ValueError(f"Expected symmetric in {SYMMETRIC}. Received: {symmetric=}")
        self.symmetric, self.momentum = symmetric, momentum
        norm = {"momentum": momentum, "dtype": self.dtype_policy}
        self.before = [DenseNorm(width, **norm) for width in before]
        self.after = [DenseNorm(width, **norm) for width in after]
        self.pool = DenseNormMax(top, **norm)
        self.transform = list(transform)

    def build(self, shape):
        d = shape[-1]
        for stage, align in ((self.before, self.transform[0]), (self.after, self.transform[1])):
            if align is not None and not align.built:
                align.build((None, None, d))
            for layer in stage:
                layer.build((None, None, d))
                d = layer.units
        self.pool.build((None, None, d))

    def call(self, points, training=False, pointwise=False):
        """What is known of each point, of the set, and how it was aligned.

        points     float [b, n, d]
        pointwise  also keep the features of each point from which those of the set are taken
        return     local: list of float [b, n, c], one per step; whole float [b, top];
                   matrices: list of float32 [b, d, d], None without T-Net
        """
        local, matrices = self.local(points, training)
        if self.symmetric == "max" and not pointwise:
            return local, self.pool(local[-1], training=training), matrices
        top = self.pool.dense(local[-1], training=training)
        return [*local, top], self.joined(top), matrices

    def local(self, points, training=False, matrices=(None, None)):
        """The steps before the symmetric function: list of float [b, n, c], list of matrices.

        matrices  to be taken in place of those that the T-Nets choose, each float [b, d, d]
        """
        x, found, used = points, [], []
        stages = zip((self.before, self.after), self.transform, matrices, strict=True)
        for stage, align, matrix in stages:
            if align is not None:
                matrix = align(x, training=training) if matrix is None else matrix
                x = tf.matmul(x, tf.cast(matrix, x.dtype))
            used.append(None if align is None else matrix)
            for layer in stage:
                x = layer(x, training=training)
                found.append(x)
        return found, used

    def joined(self, features):
        """The symmetric function over points: float [b, n, c] -> [b, c]."""
        reduce = {"max": tf.reduce_max, "sum": tf.reduce_sum, "mean": tf.reduce_mean}
        return reduce[self.symmetric](features, 1)

    def maxima(self, points, matrices=(None, None)):
        """What each layer that takes maxima is given of each point, in inference.

        return   list of float [b, n, c]: of the T-Nets, and of the set where g is "max"
        """
        local, _ = self.local(points, matrices=matrices)
        places = (points, local[len(self.before) - 1])
        found = [
            align.pool.dense(align.before_pool(x))
            for align, x in zip(self.transform, places, strict=True) if align is not None
        ]
        return found + [self.pool.dense(local[-1])] * (self.symmetric == "max")

    def get_config(self):
        return super().get_config() | {
            "before": [layer.units for layer in self.before],
            "after": [layer.units for layer in self.after],
            "top": self.pool.dense.units,
            "transform": keras.saving.serialize_keras_object(self.transform),
            "symmetric": self.symmetric,
            "momentum": self.momentum,
        }

    @classmethod
    def from_config(cls, config):
        transform = keras.saving.deserialize_keras_object(config["transform"])
        return cls(**config | {"transform": transform})
