"""Where each pixel of a picture to be made lies in the picture that it is made from."""

import functools

import numpy as np
import tensorflow as tf

TINY = 1e-6  # The least |w| of a projective map.


def points_from_normalised(grid, size, *, align_corners):
    """Normalised coordinates as px.

    align_corners  True: -1 and 1 are the centres of the first and last pixel, x = (g + 1)(n - 1)/2;
                   False: the outer edges of these, x = ((g + 1) n - 1)/2

    grid    float [..., 2], (x, y), the image from -1 to 1
    size    (rows, columns) of the image, ints or int32 scalars
    return  float [..., 2], (x, y) px, centre of the first pixel = (0, 0); float64 where grid is,
            else float32
    """
    grid = _wide(grid)
    half, middle = _frame(size, align_corners, grid.dtype)
    return grid * tf.stack(half) + tf.stack(middle)


def affine_grid(matrix, size, *, align_corners, source_size=None):
    """Points (x_s, y_s) = A (x_t, y_t, 1) for every pixel of the target (Jaderberg et al., eq. 1).

    The matrix acts on normalised coordinates, as in `points_from_normalised`; the identity gives
    whole numbers exactly, where both sizes are equal.

    matrix       float [b, 2, 3], from target to source
    size         (rows, columns) of the target, ints or int32 scalars
    source_size  (rows, columns) of the image to read; None: as the target
    return       float [b, rows, columns, 2], (x, y) px of the source; float64 where the matrix is,
                 else float32
    raises       ValueError where the matrix is of another shape
    """
    matrix = _checked(matrix, (2, 3))
    u, v, scaled, middle = _pixel_map(matrix, size, source_size, align_corners)
    return tf.stack([_row(scaled, i, u, v) + middle[i] for i in range(2)], -1)


def projective_grid(matrix, size, *, align_corners, source_size=None):
    """Points (x, y, w) = H (x_t, y_t, 1), divided by w, as `affine_grid` otherwise.

    |w| is kept at 1e-6 or more, with its sign, so that points near the horizon are far away and
    finite; their gradient through w is 0.

    matrix  float [b, 3, 3], from target to source; its scale does not matter but for this limit
    """
    matrix = _checked(matrix, (3, 3))
    u, v, scaled, middle = _pixel_map(matrix, size, source_size, align_corners)
    w = _row(scaled, 2, u, v)
    least = tf.where(w < 0, -TINY, tf.constant(TINY, w.dtype))
    w = tf.where(tf.abs(w) < TINY, least, w)
    return tf.stack([_row(scaled, i, u, v) / w + middle[i] for i in range(2)], -1)


def thin_plate_spline_grid(offsets, size, *, align_corners, source_size=None):
    """Points that a thin plate spline through displaced control points gives.

    The control points form a regular grid from (-1, -1) to (1, 1) of the target, normalised. The
    spline is the map with the least bending that takes each to its place plus its offset
    (phi = r^2 log r, Bookstein, 1989); so 0 is the identity, exactly, and affine offsets give an
    affine map. What the offsets are multiplied with is constant, made in float64.

    offsets      float [b, m, n, 2], (x, y) normalised, of m rows of n control points; the lecture's
                 16 points are 4 x 4; m, n at least 2
    size         (rows, columns) of the target, Python ints
    source_size  (rows, columns) of the image to read, ints or int32 scalars; None: as the target
    return       float [b, rows, columns, 2], (x, y) px of the source; float64 where offsets are,
                 else float32
    raises       ValueError where the offsets are of another shape
    """
    offsets = _wide(offsets)
    _, m, n, two = offsets.shape if len(offsets.shape) == 4 else (None,) * 4
    if not (m and n and m > 1 and n > 1 and two == 2):
        raise ValueError(
            f"Expected offsets [b, m, n, 2], m and n at least 2. Received: offsets={offsets.shape}"
        )
    dtype, source_size = offsets.dtype, size if source_size is None else source_size
    shares = tf.constant(_spline_shares(m, n, tuple(size), align_corners), dtype)
    planes = tf.reshape(tf.transpose(offsets, [0, 3, 1, 2]), [-1, m * n])  # x and y in turn.
    moved = tf.reshape(tf.matmul(planes, shares), [-1, 2, *size])
    half, middle = _frame(source_size, align_corners, dtype)
    u, v, across, down = _plane(size, source_size, align_corners, dtype)
    x = u * across + middle[0] + moved[:, 0] * half[0]
    y = tf.expand_dims(v * down + middle[1], 1) + moved[:, 1] * half[1]
    return tf.stack([x, y], -1)


def _wide(x):
    x = tf.convert_to_tensor(x)
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)


def _checked(matrix, shape):
    matrix = _wide(matrix)
    if len(matrix.shape) != 3 or tuple(matrix.shape[1:]) != shape:
        raise ValueError(f"Expected matrix [b, {shape[0]}, {shape[1]}]. "
                         f"Received: matrix={matrix.shape}")
    return matrix


def _frame(size, align_corners, dtype):
    """Half the extent and the middle of an image, px: ((x, y), (x, y))."""
    ends = [tf.cast(size[axis], dtype) - 1 for axis in (1, 0)]
    middle = [end / 2 for end in ends]
    return (middle if align_corners else [(end + 1) / 2 for end in ends]), middle


def _plane(size, source_size, align_corners, dtype):
    """Target pixels from the middle, px (columns [w], rows [h]), and px of the source per px."""
    from_half, middle = _frame(size, align_corners, dtype)
    to_half, _ = _frame(source_size, align_corners, dtype)
    u, v = (tf.cast(tf.range(size[1 - i]), dtype) - middle[i] for i in range(2))
    across, down = (to / tf.maximum(own, TINY) for to, own in zip(to_half, from_half, strict=True))
    return u, v, across, down  # One pixel with aligned corners lies at 0, whatever the factor.


def _pixel_map(matrix, size, source_size, align_corners):
    """The matrix between px from the middle; [1, w], [h, 1] px; and the middle of the source.

    Entries are scaled one by one: a matrix product might round coordinates to TensorFloat-32.
    """
    source_size = size if source_size is None else source_size
    own, _ = _frame(size, align_corners, matrix.dtype)
    half, middle = _frame(source_size, align_corners, matrix.dtype)
    u, v, across, down = _plane(size, source_size, align_corners, matrix.dtype)
    columns = tf.stack([1 / tf.maximum(own[0], TINY), 1 / tf.maximum(own[1], TINY), own[0] * 0 + 1])
    ratios = tf.stack([
        tf.stack([across, half[0] * columns[1], half[0]]),
        tf.stack([half[1] * columns[0], down, half[1]]),
        columns,
    ])
    scaled = matrix * ratios[: matrix.shape[1]]
    return tf.expand_dims(u, 0), tf.expand_dims(v, 1), scaled, middle


def _row(matrix, i, u, v):
    """Row i of the matrices times (u, v, 1): [b, h, w]."""
    a, b, c = (tf.reshape(matrix[:, i, k], [-1, 1, 1]) for k in range(3))
    return a * u + b * v + c


@functools.lru_cache(maxsize=8)
def _spline_shares(m, n, size, align_corners):
    """float64 [m * n, rows * columns]: how much each offset moves each pixel."""
    controls = _lattice(np.linspace(-1, 1, m), np.linspace(-1, 1, n))
    at = _lattice(*(_normalised(length, align_corners) for length in size))
    k = m * n
    system = np.zeros([k + 3, k + 3])
    system[:k] = _spline_row(controls, controls)
    system[k:, :k] = system[:k, k:].T
    return np.linalg.solve(system, _spline_row(at, controls).T)[:k]  # It is symmetric.


def _spline_row(at, controls):
    """float64 [p, k + 3]: phi of the distances to the control points, then 1, x, y."""
    squares = ((at[:, None] - controls) ** 2).sum(-1)
    kernel = squares * np.log(np.where(squares > 0, squares, 1)) / 2
    return np.concatenate([kernel, np.ones([len(at), 1]), at], 1)


def _lattice(rows, columns):
    """float64 [p, 2], (x, y), row by row."""
    return np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)


def _normalised(length, align_corners):
    """float64 [length]: the centres of pixels in -1..1; a single one lies at 0."""
    half = (length - 1) / 2 if align_corners else length / 2
    return (np.arange(length) - (length - 1) / 2) / max(half, 0.5)
