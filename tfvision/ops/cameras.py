"""Pinhole cameras: points to pixels and back, and rotations from the numbers that networks give.

Poses are cam_from_world = [R | t], x_camera = R x_world + t; the camera looks along +z, x goes to
the right and y down. Pixels are (x, y), the centre of the first one is (0, 0). Intrinsics are
[[fx, s, cx], [0, fy, cy], [0, 0, 1]] in px. All is computed in float32 at least, and without
matmul, for which a GPU may take TensorFloat-32: 3 digits, or a pixel in a thousand.
"""

import tensorflow as tf

NEAR = 1e-9  # Nearer to the plane of the camera's centre nothing is divided.


def project(points, intrinsics, cam_from_world):
    """Pixels and depths of points in space.

    Points behind the camera (depth < 0) are projected through its centre, as by cv2.projectPoints;
    where |depth| < 1e-9, the division is left out. So all is finite; ask `depth > 0`.

    points          float [b, n, 3], in the world's unit
    intrinsics      float [b, 3, 3], or one [3, 3] for all
    cam_from_world  float [b, 3, 4], or one [3, 4] for all
    return          pixels [b, n, 2], (x, y); depth [b, n], in the world's unit; float64 where the
                    points are, else float32
    """
    points = _wide(points)
    pose = tf.cast(cam_from_world, points.dtype)
    camera = _times(pose[..., :3], points) + tf.expand_dims(pose[..., 3], -2)
    depth = camera[..., 2]
    plane = tf.expand_dims(tf.where(tf.abs(depth) < NEAR, tf.ones_like(depth), depth), -1)
    flat = camera[..., :2] / plane
    first = tf.cast(intrinsics, points.dtype)[..., :2, :]
    return _times(first[..., :2], flat) + tf.expand_dims(first[..., 2], -2), depth


def back_project(depth, intrinsics):
    """The points that a depth map shows, as its camera sees them.

    depth       float [b, h, w], along z, in any unit of length
    intrinsics  float [b, 3, 3], or one [3, 3] for all; fx and fy not 0
    return      [b, h, w, 3], (x, y, z) in the camera's frame, in that unit; float64 where depth
                is, else float32
    """
    depth = _wide(depth)
    shape = tf.shape(depth)
    k = tf.cast(intrinsics, depth.dtype)
    k = tf.reshape(k, [-1, 1, 1, 9])  # Of one camera for all, the first axis is 1.
    fx, skew, cx, fy, cy = (k[..., i] for i in (0, 1, 2, 4, 5))
    x = tf.reshape(tf.cast(tf.range(shape[2]), depth.dtype), [1, 1, -1])
    y = tf.reshape(tf.cast(tf.range(shape[1]), depth.dtype), [1, -1, 1])
    y = (y - cy) / fy
    x = (x - cx - skew * y) / fx
    return tf.stack([x * depth, y * depth, depth], -1)


def rotation_from_axis_angle(vector):
    """Rotation by |vector| rad about vector, right-handed (Rodrigues); smooth at 0.

    vector  float [..., 3], axis times angle
    return  [..., 3, 3]; float64 where the vector is, else float32
    """
    vector = _wide(vector)
    square = tf.expand_dims(tf.reduce_sum(vector * vector, -1, keepdims=True), -1)
    cross = _cross_matrix(vector)
    outer = tf.expand_dims(vector, -1) * tf.expand_dims(vector, -2)
    eye = tf.eye(3, dtype=vector.dtype)
    half = _sinc(square / 4)
    twice = outer - square * eye  # The square of the cross matrix.
    return eye + _sinc(square) * cross + half * half / 2 * twice


def rotation_from_quaternion(quaternion):
    """Rotation matrix of a quaternion (w, x, y, z) of any length but 0, which gives the identity.

    quaternion  float [..., 4]
    return      [..., 3, 3]; float64 where the quaternion is, else float32
    """
    quaternion = _wide(quaternion)
    square = tf.reduce_sum(quaternion * quaternion, -1, keepdims=True)
    scale = tf.expand_dims(tf.math.divide_no_nan(tf.constant(2, square.dtype), square), -1)
    w, v = quaternion[..., :1], quaternion[..., 1:]
    outer = tf.expand_dims(v, -1) * tf.expand_dims(v, -2)
    eye = tf.eye(3, dtype=quaternion.dtype)
    length = tf.expand_dims(tf.reduce_sum(v * v, -1, keepdims=True), -1)
    return eye + scale * (tf.expand_dims(w, -1) * _cross_matrix(v) + outer - length * eye)


def rotation_from_6d(columns):
    """Rotation whose first two columns are six numbers made orthonormal (Zhou et al., 2019).

    Unlike angles and quaternions, these have no jump that a network would have to learn. Where the
    two columns are 0 or parallel no rotation is named: columns of the result are 0 then.

    columns  float [..., 6], the first column, then the second
    return   [..., 3, 3]; float64 where `columns` is, else float32
    """
    columns = _wide(columns)
    x = _direction(columns[..., :3])
    y = columns[..., 3:]
    y = _direction(y - tf.reduce_sum(x * y, -1, keepdims=True) * x)
    z = tf.reduce_sum(_cross_matrix(x) * tf.expand_dims(y, -2), -1)
    return tf.stack([x, y, z], -1)


def _wide(x):
    x = tf.convert_to_tensor(x)
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)


def _times(matrix, points):
    """matrix [..., i, j] times each of points [..., n, j]: [..., n, i]."""
    return tf.reduce_sum(tf.expand_dims(matrix, -3) * tf.expand_dims(points, -2), -1)


def _cross_matrix(v):
    """[v]x with [v]x u = v x u: [..., 3] -> [..., 3, 3]."""
    x, y, z = tf.unstack(v, axis=-1)
    zero = tf.zeros_like(x)
    rows = ([zero, -z, y], [z, zero, -x], [-y, x, zero])
    return tf.stack([tf.stack(row, -1) for row in rows], -2)


def _sinc(square):
    """sin(a) / a of a^2, by its series near 0, where the root has no derivative."""
    small = square < 1e-4
    angle = tf.sqrt(tf.where(small, tf.ones_like(square), square))
    near = 1 - square / 6 + square * square / 120
    return tf.where(small, near, tf.sin(angle) / angle)


def _direction(v):
    """v of length 1; 0, with no gradient, where it is shorter than 1e-6."""
    square = tf.reduce_sum(v * v, -1, keepdims=True)
    long = square > 1e-12
    return tf.where(long, v * tf.math.rsqrt(tf.where(long, square, tf.ones_like(square))), 0)
