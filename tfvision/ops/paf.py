"""Part affinity fields: on each limb a unit vector along it (Cao et al. 2017, section 2.3)."""

import numpy as np
import tensorflow as tf

from tfvision.ops.grid_sample import grid_sample

TOLERANCE = 1e-3  # px; rounding must not decide whether a pixel lies on a limb.


def paf_scores(paf, from_points, to_points, *, samples=10):
    """How well a field supports the limb between every two points: eq. 10, the mean along it.

    1 where the field is the limb's own unit vector all along, 0 where it is perpendicular or
    missing, -1 where it points back. A limb of length 0, a point that is not finite, and the free
    slot (-1, -1) of heatmap_peaks score 0, with gradient 0.

    paf          float [b, h, w, c, 2], (x, y) of the field of each kind of limb
    from_points  [b, c, n, 2], (x, y) px, where limbs of each kind may begin
    to_points    [b, c, m, 2], where they may end
    samples      how many points from end to end are read, bilinearly; outside the map it is 0
    return       [b, c, n, m], dtype of paf
    raises       ValueError unless samples is at least 1
    """
    return tf.reduce_mean(paf_samples(paf, from_points, to_points, samples=samples), -1)


def paf_samples(paf, from_points, to_points, *, samples=10):
    """The field along the limb between every two points, at evenly spaced places: [..., samples].

    For rules that ask for more than the mean, such as the share of places above a threshold.
    Arguments and special cases as in paf_scores; a single sample lies in the middle.
    """
    if samples < 1:
        raise ValueError(f"Expected at least 1 sample. Received: samples={samples}")
    paf = tf.convert_to_tensor(paf)
    b, h, w, c = (paf.shape[i] or tf.shape(paf)[i] for i in range(4))
    n, m = (p.shape[2] or tf.shape(p)[2] for p in (from_points, to_points))
    begin, begin_known = _known(tf.cast(from_points, paf.dtype))
    end, end_known = _known(tf.cast(to_points, paf.dtype))
    begin, end = tf.expand_dims(begin, 3), tf.expand_dims(end, 2)
    step = tf.reshape(end - begin, [b * c, n * m, 1, 2])
    begin = tf.reshape(begin + tf.zeros_like(end), [b * c, n * m, 1, 2])
    at = np.linspace(0, 1, samples) if samples > 1 else np.full(1, 0.5)
    places = begin + step * tf.constant(at.reshape(1, 1, samples, 1), paf.dtype)
    field = tf.reshape(tf.transpose(paf, [0, 3, 1, 2, 4]), [b * c, h, w, 2])
    along = tf.reduce_sum(grid_sample(field, places) * _unit(step)[0], -1)
    along = tf.reshape(along, [b, c, n, m, samples])
    known = tf.expand_dims(begin_known, 3) & tf.expand_dims(end_known, 2)
    return tf.where(tf.expand_dims(known, -1), along, tf.zeros_like(along))


def render_pafs(from_points, to_points, *, size, width=1.0, visible=None):
    """The fields that a network shall predict: eqs. 8 and 9.

    A pixel q lies on the limb from a to b where 0 <= v (q - a) <= |b - a| and its distance to the
    line is at most `width`, both with a tolerance of 0.001 px. There the field is the unit vector
    v along the limb; where limbs of several people cross, the mean of theirs; elsewhere 0. A limb
    of length 0 and one with an end that is not finite are not drawn.

    from_points  float [b, p, c, 2], (x, y) px: where the limb of kind c of person p begins
    to_points    [b, p, c, 2], where it ends
    size         (h, w) of the maps, px
    width        half the width of a limb, px
    visible      bool, or numbers of which those above 0 are drawn, [b, p, c]; None: all
    return       [b, h, w, c, 2], (x, y); dtype of from_points
    """
    begin = tf.convert_to_tensor(from_points)
    end = tf.cast(to_points, begin.dtype)
    drawn = tf.reduce_all(tf.math.is_finite(begin) & tf.math.is_finite(end), -1)
    if visible is not None:
        visible = tf.convert_to_tensor(visible)
        drawn &= visible if visible.dtype == tf.bool else visible > 0
    begin, end = (tf.where(tf.expand_dims(drawn, -1), p, tf.zeros_like(p)) for p in (begin, end))
    b, p, c = (begin.shape[i] or tf.shape(begin)[i] for i in range(3))
    h, w = size
    unit, length = _unit(end - begin)

    def limbs(x):
        return tf.reshape(x, [b * p, 1, 1, c])

    ux, uy = limbs(unit[..., 0]), limbs(unit[..., 1])
    x = tf.reshape(tf.range(w, dtype=begin.dtype), [1, 1, w, 1]) - limbs(begin[..., 0])
    y = tf.reshape(tf.range(h, dtype=begin.dtype), [1, h, 1, 1]) - limbs(begin[..., 1])
    on = _on_limb(x * ux + y * uy, x * uy - y * ux, limbs(length), width)
    on = tf.cast(on & limbs(length > 0), begin.dtype)

    def over_people(x):
        return tf.reduce_sum(tf.reshape(x, [b, p, h * w * c]), 1)

    people = tf.maximum(over_people(on), 1)
    field = [tf.reshape(over_people(on * u) / people, [b, h, w, c]) for u in (ux, uy)]
    return tf.stack(field, -1)


def _on_limb(along, across, length, width):
    between = (along >= -TOLERANCE) & (along <= length + TOLERANCE)
    return between & (tf.abs(across) <= width + TOLERANCE)


def _unit(step):
    """Unit vectors [..., 2] and lengths [...]; both 0, with gradient 0, where the step is."""
    squared = tf.reduce_sum(step * step, -1)
    long = squared > 0
    length = tf.sqrt(tf.where(long, squared, tf.ones_like(squared)))
    unit = step / tf.expand_dims(length, -1)
    return unit, tf.where(long, length, tf.zeros_like(length))


def _known(points):
    """Points with 0 for those that are none, and which are some."""
    known = tf.reduce_all(tf.math.is_finite(points), -1) & tf.reduce_any(points != -1, -1)
    return tf.where(tf.expand_dims(known, -1), points, tf.zeros_like(points)), known
