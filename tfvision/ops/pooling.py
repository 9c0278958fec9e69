"""Max pooling that remembers where each maximum was, and its inverse (SegNet)."""

import tensorflow as tf

from tfvision.ops.gradients import with_gradient


def max_pool_with_switches(x):
    """The maximum of each 2 x 2 window, and which of its four pixels that was.

    Badrinarayanan et al., SegNet (2017), section 3. Of equal pixels the first wins, row by row;
    a window with a NaN gives NaN, and 0 for its place. With an odd side, the last window holds one
    row or column (45 pixels become 23), as in the authors' Caffe. The gradient goes to the
    maximum alone.

    x        float [b, h, w, c]; h and w may be unknown
    return   pooled [b, (h + 1) // 2, (w + 1) // 2, c], dtype of x;
             switches, uint8 of that shape: 2 * row + column within the window
    """
    return _pool(tf.convert_to_tensor(x))


@with_gradient
def _pool(x):
    corners = _corners(_even(x))
    top = tf.maximum(tf.maximum(corners[0], corners[1]), tf.maximum(corners[2], corners[3]))
    lower = [tf.cast(corner < top, tf.int32) for corner in corners[:3]]
    switches = tf.cast(lower[0] * (1 + lower[1] * (1 + lower[2])), tf.uint8)
    size = tf.shape(x)[1:3]

    def gradient(change, _):
        return unpool(change, switches, size=(size[0], size[1]))

    return (top, switches), gradient


def unpool(x, switches, *, size=None):
    """Each value back at the place of its maximum, zeros elsewhere: inverse of the pooling.

    tensorflow-addons' MaxUnpooling2D takes the indices of tf.nn.max_pool_with_argmax, which are
    i = (y w + x) c + channel for an image [h, w, c]. With windows of 2 x 2 at stride 2 and even
    sides, switches = (i // (w c)) % 2 * 2 + (i // c) % w % 2, and both give the same.

    x         [b, h, w, c]
    switches  integer [b, h, w, c], 0..3, of max_pool_with_switches
    size      (rows, columns) of what was pooled, to be given where a side was odd; None: (2 h, 2 w)
    return    [b, rows, columns, c], dtype of x; the gradient goes to x
    """
    switches = tf.cast(switches, tf.int32)

    @with_gradient
    def spread(x):
        b, h, w, c = _sizes(x)
        rows, columns = size or (2 * h, 2 * w)
        image = tf.reshape(_spread(x, switches), [b, 2 * h, 2 * w, c])[:, :rows, :columns]

        def gradient(change):
            missing = [[0, 0], [0, 2 * h - rows], [0, 2 * w - columns], [0, 0]]
            return _pick(tf.pad(change, missing), switches)

        return image, gradient

    return spread(tf.convert_to_tensor(x))


def _spread(x, switches):
    """[b * h, 2, w, 2, c]: x where the switch names the place, else 0."""
    b, h, w, c = _sizes(x)
    places = tf.reshape(tf.range(4), [1, 2, 1, 2, 1])
    x, switches = (tf.reshape(part, [b * h, 1, w, 1, c]) for part in (x, switches))
    return tf.where(tf.equal(switches, places), x, tf.zeros([], x.dtype))


def _pick(image, switches):
    """[b, h, w, c]: of each window of `image`, the pixel that the switch names."""
    first, *others = _corners(image)
    for number, corner in enumerate(others, 1):
        first = tf.where(tf.equal(switches, number), corner, first)
    return first


def _corners(image):
    """The four pixels of all windows of an image with even sides: four [b, h / 2, w / 2, c].

    Slices of whole rows and halves: with steps of 2 they take seven times as long.
    """
    b, h, w, c = _sizes(image)
    pairs = tf.reshape(image, [b, h // 2, 2, w // 2, 2 * c])
    return [pairs[:, :, row, :, k * c : (k + 1) * c] for row in (0, 1) for k in (0, 1)]


def _sizes(image):
    """Its four sizes, as numbers where they are known."""
    shape = tf.shape(image)
    return [shape[i] if n is None else n for i, n in enumerate(image.shape)]


def _even(x):
    """An odd side longer by one: its last pixels again, which never are a first maximum."""
    for axis in (1, 2):
        side = _sizes(x)[axis]
        if not (isinstance(side, int) and side % 2 == 0):
            x = tf.gather(x, tf.minimum(tf.range(side + side % 2), side - 1), axis=axis)
    return x
