"""Random changes of an example, stateless: the same seed makes the same change."""

import numpy as np
import tensorflow as tf

from tfvision import ops


def warp(maps, seed, *, size, elastic=10.0, turn=True, deformed=1.0, padding="reflect"):
    """A crop of random place, orientation and elastic deformation, read from all maps at once.

    The deformation is the U-Net's: displacements drawn at a 3x3 grid over the crop and
    interpolated by cubic convolution (Ronneberger et al., 2015, section 3.1). Reading between
    pixels takes noise away that the images to come will have; hence `deformed`: the other crops
    are turned by right angles only and keep their pixels as they are.

    maps      float [h, w, c]
    seed      int32 [2]
    size      side of the crop, px
    elastic   standard deviation of the displacements, px
    turn      also rotate and mirror: by any angle where deformed, else by right angles
    deformed  share of the crops that are deformed, 0..1
    return    float [size, size, c]
    """
    seeds = tf.unstack(tf.random.split(seed, 4))
    bent = tf.random.stateless_uniform([], seeds[3]) < deformed
    middle = (size - 1) / 2
    centre = tf.range(size, dtype=tf.float32) - middle
    points = tf.stack(tf.meshgrid(centre, centre), -1)  # [size, size, 2], (x, y)
    points += tf.where(bent, elastic_field(seeds[0], size=size, scale=elastic), 0.0)
    if turn:
        orientation = _orientation(seeds[1])
        points @= tf.transpose(tf.where(bent, orientation, _right_angle(orientation)))
    place = _random_centre(seeds[2], tf.shape(maps)[:2], size)
    points += tf.where(bent, place, tf.floor(place) + middle % 1)
    return ops.grid_sample(maps[tf.newaxis], points[tf.newaxis], padding=padding)[0]


def elastic_field(seed, *, size, scale, count=3):
    """Displacements (x, y) px, float [size, size, 2], from normal ones at a count x count grid."""
    coarse = tf.random.stateless_normal([count, count, 2], seed, stddev=scale)
    rows = tf.constant(cubic_matrix(count, size))  # [size, count]
    return tf.einsum("yi,xj,ijc->yxc", rows, rows, coarse)


def cubic_matrix(count, size):
    """float32 [size, count]: values at `count` knots, first to last pixel, to values at all pixels.

    Cubic convolution with a = -1/2 (Keys, 1981); beyond the ends the end knots repeat.
    """
    at = np.linspace(0, count - 1, size) if size > 1 else np.zeros(1)
    low = np.minimum(np.floor(at).astype(int), max(count - 2, 0))
    t = at - low
    weights = np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2], 1
    )
    matrix = np.zeros([size, count], np.float32)
    for tap in range(4):
        knot = np.clip(low + tap - 1, 0, count - 1)
        np.add.at(matrix, (np.arange(size), knot), weights[:, tap] / 2)
    return matrix


def grey(image, seed, *, contrast=0.2, brightness=0.1):
    """The image [h, w, c] in 0..1 with another contrast, brightness and gamma, clipped to 0..1."""
    a, b, g = tf.unstack(tf.random.stateless_uniform([3], seed, -1.0, 1.0))
    image = tf.pow(tf.maximum(image, 1e-6), tf.exp(contrast * g))
    return tf.clip_by_value((image - 0.5) * (1 + contrast * a) + 0.5 + brightness * b, 0.0, 1.0)


def _orientation(seed):
    """A random rotation, mirrored half of the time: float32 [2, 2]."""
    angle, mirror = tf.unstack(tf.random.stateless_uniform([2], seed))
    angle, mirror = 2 * np.pi * angle, tf.where(mirror < 0.5, -1.0, 1.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    return tf.stack([tf.stack([cos * mirror, -sin]), tf.stack([sin * mirror, cos])])


def _right_angle(orientation):
    """The nearest orientation by a multiple of a right angle: float32 [2, 2] of 0, 1, -1."""
    larger = tf.abs(orientation) >= tf.reverse(tf.abs(orientation), [1])
    return tf.where(larger, tf.sign(orientation), 0.0)


def _random_centre(seed, shape, size):
    """Where a crop of `size` may have its centre, (x, y) px; the image's where it does not fit."""
    room = tf.cast(tf.maximum(tf.reverse(shape, [0]) - size, 0), tf.float32)
    middle = tf.cast(tf.reverse(shape, [0]) - 1, tf.float32) / 2
    return middle + (tf.random.stateless_uniform([2], seed) - 0.5) * room
