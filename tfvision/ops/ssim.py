"""Structural similarity of two images."""

import tensorflow as tf

from tfvision.ops.blur import filtered, gaussian_window, padded

WINDOWS = {"average": 3, "gaussian": 11}  # name -> its usual size, px
SIGMA = 1.5  # px


def ssim(a, b, *, window="average", size=None, padding="valid", peak=1.0, k1=0.01, k2=0.03):
    """The structural similarity index of Wang et al. (2004), eq. 13, as a map.

    (2 m_a m_b + c1) (2 cov + c2) / ((m_a^2 + m_b^2 + c1) (var_a + var_b + c2)) with means over a
    window around each pixel, c1 = (k1 peak)^2, c2 = (k2 peak)^2. It is 1 where the windows are
    equal, and -1..1 otherwise. With "average", the map of Godard et al. (2017), whose loss is
    clip((1 - ssim) / 2, 0, 1); with "gaussian", the map whose mean is tf.image.ssim. In float32,
    rounding reaches 1e-4 where both windows are flat and bright.

    a, b     float [b, h, w, c], c known
    window   "average": all pixels alike; "gaussian": weighted with a standard deviation of 1.5 px
    size     side of the window, px; None: 3 for "average", 11 for "gaussian"
    padding  "valid": windows inside the image, the map is h - size + 1 by w - size + 1 px;
             "same": mirrored borders as "reflect" in ops.borders, the map is h by w (size odd)
    peak     the range of the values: 1 for 0..1, 255 for 0..255
    return   [b, h', w', c]; float64 where a is, else float32
    raises   ValueError for another window or padding, for images that are no floats, for an even
             size with "same", and, where it is known, for an image smaller than the window
    """
    a, b = tf.convert_to_tensor(a), tf.convert_to_tensor(b)
    size = _checked(a, b, window, size, padding)
    wide = tf.float64 if a.dtype == tf.float64 else tf.float32
    a, b = tf.cast(a, wide), tf.cast(b, wide)
    stack = tf.concat([a, b, a * a + b * b, a * b], -1)  # Filtered at once: twice as fast.
    if padding == "same":
        stack = padded(stack, size // 2, "reflect")
    if window == "average":
        means = tf.nn.avg_pool2d(stack, size, 1, "VALID")
    else:
        means = filtered(stack, gaussian_window(size, SIGMA))
    mean_a, mean_b, squares, product = tf.split(means, 4, -1)
    c1, c2 = (k1 * peak) ** 2, (k2 * peak) ** 2
    both, powers = 2 * mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    return (both + c1) / (powers + c1) * (2 * product - both + c2) / (squares - powers + c2)


def _checked(a, b, window, size, padding):
    if window not in WINDOWS:
        raise ValueError(f"Expected window in {tuple(WINDOWS)}. Received: window={window!r}")
    if padding not in ("valid", "same"):
        raise ValueError(f"Expected padding 'valid' or 'same'. Received: padding={padding!r}")
    if not (a.dtype.is_floating and b.dtype.is_floating):
        raise ValueError(f"Expected two float images. Received: a={a.dtype}, b={b.dtype}")
    size = WINDOWS[window] if size is None else size
    if size < 1 or (padding == "same" and size % 2 == 0):
        raise ValueError(
            "Expected a size of 1 px or more, odd where padding is 'same'. "
            f"Received: size={size}, padding={padding!r}"
        )
    if padding == "valid" and any(side is not None and side < size for side in a.shape[1:3]):
        raise ValueError(
            f"Expected images of at least {size} x {size} px, or padding='same'. "
            f"Received: a={a.shape}"
        )
    return size
