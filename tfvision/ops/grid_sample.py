"""Bilinear reads of an image at any points, with exact gradients to both."""

import itertools
import math

import tensorflow as tf

from tfvision.ops.borders import PADDINGS
from tfvision.ops.compiling import portable, under_xla
from tfvision.ops.neighbours import in_order, slopes, taps

GRADIENTS = ("right", "central", "paper")
NARROW = 4  # With at most this many channels, four neighbours go into one wide row.
GROUPS = 32  # At most this many independent sums for the images of a batch,
WORK = 2**18  # each of this many numbers or more.


def grid_sample(image, points, *, padding="zeros", gradient="right"):
    """Values of `image` at `points`, bilinear between the four pixels around each.

    V = sum over n, m of U_nm max(0, 1 - |x - m|) max(0, 1 - |y - n|)  (Jaderberg et al., eq. 5)

    It has kinks where x or y is a whole number; an untrained spatial transformer has no other
    points. There the derivative with respect to the points is, by `gradient`:
        "right"    that towards larger x and y, as automatic differentiation and PyTorch give it
        "central"  the mean of those towards both sides
        "paper"    eq. 7 to the letter, which is the value of the pixel itself
    With U = (3, 7, 20, 5) along x, at x = 1, these are 13, 8.5 and 7. Elsewhere they are equal.
    Gradients of gradients are exact off the whole numbers.

    Coordinates are at least float32, whatever the image is. A coordinate that is NaN lies far to
    the left or above; mirrored images end at 2^23 px.

    image    float [b, h, w, c], at least one pixel
    points   float [b, ..., 2], (x, y) px, centre of the first pixel = (0, 0)
    padding  what lies outside: "zeros" (TensorFlow Addons' resampler), or "border", "reflect",
             "symmetric" as in ops.borders
    return   float [b, ..., c], dtype of image
    raises   ValueError where an argument is none of these
    """
    image, points = tf.convert_to_tensor(image), tf.convert_to_tensor(points)
    _check(image, points, padding, gradient)
    work = tf.float64 if tf.float64 in (image.dtype, points.dtype) else tf.float32
    b, *inner, _ = _dims(points)
    c = _dims(image)[3]
    flat = tf.reshape(tf.cast(points, work), [b * math.prod(inner), 2])
    if portable() and not under_xla():  # A custom gradient cannot be saved.
        value = _value(image, flat, padding)
    else:
        value = _sample(image, flat, padding, gradient)
    return tf.reshape(value, [b, *inner, c])


def _check(image, points, padding, gradient):
    if gradient not in GRADIENTS:
        raise ValueError(f"Expected gradient in {GRADIENTS}. Received: gradient={gradient!r}")
    if padding not in PADDINGS:
        raise ValueError(f"Expected padding in {PADDINGS}. Received: padding={padding!r}")
    if len(image.shape) != 4 or not image.dtype.is_floating:
        raise ValueError(
            f"Expected image float [b, h, w, c]. Received: image={image.dtype.name} {image.shape}"
        )
    if len(points.shape) < 2 or points.shape[-1] != 2 or not image.shape[:1].is_compatible_with(
        points.shape[:1]
    ):
        raise ValueError(
            f"Expected points [b, ..., 2] with the b of image {image.shape}. "
            f"Received: points={points.shape}"
        )


def _sample(image, points, padding, gradient):
    """As _value, with gradients by hand."""

    @tf.custom_gradient
    def sample(image, points):
        def backward(upstream):
            upstream = tf.cast(upstream, points.dtype)
            return (
                tf.cast(_image_gradient(image, points, upstream, padding), image.dtype),
                _points_gradient(image, points, upstream, padding, gradient),
            )

        return _value(image, points, padding), backward

    return sample(image, points)


def _value(image, points, padding):
    """[b n, c]: the reads of all images, one after the other."""
    x, y = tf.unstack(points, axis=-1)
    h, w = _dims(image)[1:3]
    return tf.cast(_read(image, taps(x, w, padding), taps(y, h, padding)), image.dtype)


def _read(image, across, down):
    """The sum of pixels times weights, [b n, c], for taps (index, weight) along x and along y."""
    b, h, w, c = _dims(image)
    flat = tf.reshape(image, [b * h * w, c])
    start = _starts(b, h * w, across[0][0])
    terms = [
        tf.cast(tf.gather(flat, start + j * w + i), u.dtype) * tf.expand_dims(v * u, 1)
        for j, v in down for i, u in across
    ]
    return (terms[0] + terms[1]) + (terms[2] + terms[3])


def _points_gradient(image, points, upstream, padding, gradient):
    """The four reads are combined to slopes before channels are summed: two sums, not four."""
    x, y = tf.unstack(points, axis=-1)
    h, w = _dims(image)[1:3]
    across = _read(image, slopes(x, w, padding, gradient), taps(y, h, padding))
    down = _read(image, taps(x, w, padding), slopes(y, h, padding, gradient))
    return tf.transpose(tf.stack([_channel_sum(upstream * slope) for slope in (across, down)]))


def _channel_sum(x):
    """[m, c] to [m], as a product with ones: XLA adds a last axis one by one on a CPU."""
    m, c = _dims(x)
    if c != 1:
        x = tf.matmul(x, tf.ones([c, 1], x.dtype))
    return tf.reshape(x, [m])


def _image_gradient(image, points, upstream, padding):
    """Every upstream row goes to the four pixels that it came from."""
    b, h, w, c = _dims(image)
    add = _add_quads if isinstance(c, int) and c <= NARROW else _add_corners
    if image.shape[0] == 1 and len(_groups(upstream, 2)) > 1 and upstream.shape[0] % 2 == 0:
        halves = add(points, upstream, (2, h, w, c), padding)  # As two images, for two threads.
        return tf.reduce_sum(halves, 0, keepdims=True)
    return add(points, upstream, (b, h, w, c), padding)


def _groups(upstream, b):
    """Images (first, last + 1) whose rows make a sum of their own.

    XLA adds row after row on a CPU, but several sums at a time.
    """
    work = 4 * (upstream.shape.num_elements() or 0)
    count = max(1, min(b, GROUPS, work // WORK)) if work else 1
    ends = [b * k // count for k in range(count + 1)] if count > 1 else [0, b]
    return list(itertools.pairwise(ends))


def _add_corners(points, upstream, shape, padding):
    """Corner after corner, in one sum for each group."""
    b, h, w, c = shape
    n = _share(points, b)
    sums = []
    for begin, end in _groups(upstream, b):
        rows = upstream[begin * n : end * n]
        x, y = tf.unstack(points[begin * n : end * n], axis=-1)
        start = _starts(end - begin, h * w, x)
        corners = [
            (start + j * w + i, rows * tf.expand_dims(v * u, 1))
            for j, v in taps(y, h, padding) for i, u in taps(x, w, padding)
        ]
        at, rows = (tf.concat(parts, 0) for parts in zip(*corners, strict=True))
        sums.append(_sum_at(rows, at, (end - begin, h, w)))
    return tf.concat(sums, 0)


def _add_quads(points, upstream, shape, padding):
    """The four corners of a point side by side, as one row; added up afterwards.

    The rows are made at once and then cut in groups: XLA would compute each inside its loop.
    """
    b, h, w, c = shape
    m, n = _dims(points)[0], _share(points, b)
    x, y = tf.unstack(points, axis=-1)
    column, *across = in_order(*taps(x, w, padding), padding)
    row, *down = in_order(*taps(y, h, padding), padding)
    weights = tf.stack([v * u for v in down for u in across], -1)  # [b n, 4]
    rows = tf.expand_dims(weights, 2) * tf.expand_dims(upstream, 1)
    rows = tf.reshape(rows, [m, 4 * c])
    at = _starts(b, h * w, x) + row * w + column
    sums = [
        _sum_at(rows[i * n : j * n], at[i * n : j * n] - i * (h * w), (j - i, h, w))
        for i, j in _groups(upstream, b)
    ]
    here, right, below, opposite = tf.split(tf.concat(sums, 0), 4, -1)
    return here + _right(right) + _down(below + _right(opposite))


def _dims(x):
    """The sizes of all axes: ints where they are known, else scalars."""
    return [tf.shape(x)[i] if n is None else n for i, n in enumerate(x.shape)]


def _share(points, b):
    """How many of the points belong to each of b images."""
    return _dims(points)[0] // (max(b, 1) if isinstance(b, int) else tf.maximum(b, 1))


def _starts(b, pixels, like):
    """int32 [b n]: where the pixels of the image begin that each of the points `like` is in."""
    n = _share(like, b)
    return tf.reshape(tf.broadcast_to(tf.expand_dims(tf.range(b) * pixels, 1), [b, n]), [b * n])


def _sum_at(rows, at, shape):
    """Rows [m, c] added up at pixels, which are counted through the images: [b, h, w, c]."""
    b, h, w = shape
    total = tf.math.unsorted_segment_sum(rows, at, b * h * w)
    return tf.reshape(total, [b, h, w, _dims(rows)[1]])


def _right(x):
    return tf.pad(x[:, :, :-1], [[0, 0], [0, 0], [1, 0], [0, 0]])


def _down(x):
    return tf.pad(x[:, :-1], [[0, 0], [1, 0], [0, 0], [0, 0]])
