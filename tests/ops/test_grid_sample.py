"""ops.grid_sample against a slow reference, PyTorch, and at the places where samplers go wrong."""

import itertools
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

GOLDEN = Path(__file__).parents[1] / "golden" / "torch_grid_sample.npz"
IMAGE = np.arange(2 * 3 * 4 * 2, dtype=np.float32).reshape(2, 3, 4, 2)
PADDINGS = ["zeros", "border", "reflect", "symmetric"]
ROW = np.float32([3, 7, 20, 5]).reshape(1, 1, 4, 1)


def outside(i, n, padding):
    """The position that stands for i, by walking; None = zero."""
    if padding == "zeros":
        return i if 0 <= i < n else None
    if padding == "border":
        return min(max(i, 0), n - 1)
    row = list(range(n))
    mirrored = row + (row[-2:0:-1] if padding == "reflect" else row[::-1])
    return mirrored[i % len(mirrored)]


def slow(image, points, padding):
    out = np.zeros([*points.shape[:-1], image.shape[-1]])
    h, w = image.shape[1:3]
    for at in np.ndindex(*points.shape[:-1]):
        x, y = points[at]
        for i, j in itertools.product(range(2), range(2)):
            xi, yi = int(np.floor(x)) + i, int(np.floor(y)) + j
            weight = (1 - abs(x - xi)) * (1 - abs(y - yi))
            column, row = outside(xi, w, padding), outside(yi, h, padding)
            if column is not None and row is not None:
                out[at] += weight * image[at[0], row, column]
    return out


def gradients(image, points, **options):
    """Of the sum of all values: to the image, to the points."""
    image, points = tf.constant(image), tf.constant(points)
    with tf.GradientTape() as tape:
        tape.watch([image, points])
        total = tf.reduce_sum(ops.grid_sample(image, points, **options))
    return [g.numpy() for g in tape.gradient(total, [image, points])]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("compiled", [False, True])
def test_equals_the_slow_reference_inside_and_far_outside(padding, compiled):
    points = np.random.default_rng(0).uniform(-9, 12, [2, 5, 6, 2]).astype(np.float32)
    sample = tf.function(partial(ops.grid_sample, padding=padding), jit_compile=compiled)
    np.testing.assert_allclose(sample(IMAGE, points), slow(IMAGE, points, padding), atol=2e-4)


def test_the_identity_grid_returns_the_image():
    x, y = np.meshgrid(np.arange(4.0), np.arange(3.0))
    points = np.broadcast_to(np.stack([x, y], -1), [2, 3, 4, 2]).astype(np.float32)
    np.testing.assert_array_equal(ops.grid_sample(IMAGE, points), IMAGE)
    np.testing.assert_array_equal(ops.grid_sample(IMAGE, points + 1)[:, :-1, :-1], IMAGE[:, 1:, 1:])


@pytest.mark.parametrize("padding", ["border", "reflect", "symmetric"])
def test_an_image_of_one_pixel_is_the_same_everywhere(padding):
    points = np.random.default_rng(0).uniform(-5, 5, [1, 7, 2]).astype(np.float32)
    image = np.full([1, 1, 1, 1], 3.0, np.float32)
    np.testing.assert_allclose(ops.grid_sample(image, points, padding=padding), 3.0, rtol=1e-6)
    assert not gradients(image, points, padding=padding)[1].any()


@pytest.mark.parametrize("c", [2, 6])
def test_no_points_give_no_values_and_no_gradient(c):
    image, points = np.ones([2, 3, 4, c], np.float32), np.zeros([2, 0, 2], np.float32)
    assert ops.grid_sample(image, points).shape == (2, 0, c)
    to_image, to_points = gradients(image, points)
    assert not to_image.any() and to_points.shape == (2, 0, 2)
    assert ops.grid_sample(image[:0], points[:0]).shape == (0, 0, c)


def numeric(function, inputs, step=1e-6):
    """Gradients of a scalar per example, of inputs of one example, in one call per input."""
    found = []
    for k, value in enumerate(inputs):
        steps = np.eye(value.size).reshape(-1, *value.shape[1:]) * step
        both = [[np.repeat(x, len(steps), 0) for x in inputs] for _ in range(2)]
        both[0][k], both[1][k] = value + steps, value - steps
        ahead, behind = (function(*map(tf.constant, inputs)).numpy() for inputs in both)
        change = ahead - behind
        found.append((change / (2 * step)).reshape(value.shape))
    return found


def case(c, low, high, points=8):
    random = np.random.default_rng(c)
    return random.normal(size=[1, 3, 4, c]), random.uniform(low, high, [1, points, 2])


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("c", [1, 3, 6])
def test_gradients_to_image_and_points_equal_finite_differences(padding, c):
    inputs = case(c, -4, 8)
    weights = np.random.default_rng(0).normal(size=[8, c])

    def total(image, points):
        return tf.reduce_sum(ops.grid_sample(image, points, padding=padding) * weights, [1, 2])

    tensors = [tf.constant(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = total(*tensors)
    for a, b in zip(tape.gradient(value, tensors), numeric(total, inputs), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8)


def both_gradients(image, points):
    with tf.GradientTape() as tape:
        tape.watch([image, points])
        total = tf.reduce_sum(ops.grid_sample(image, points) ** 3)
    return tape.gradient(total, [image, points])


@pytest.mark.parametrize("c", [2, 5])
def test_second_derivatives_equal_finite_differences(c):
    inputs = case(c, 0, 2, points=4)
    weights = [np.random.default_rng(0).normal(size=x.shape[1:]) for x in inputs]

    def total(image, points):
        pairs = zip(both_gradients(image, points), weights, strict=True)
        return tf.add_n([tf.reduce_sum(tf.reshape(g * w, [len(g), -1]), 1) for g, w in pairs])

    tensors = [tf.constant(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = total(*tensors)
    for a, b in zip(tape.gradient(value, tensors), numeric(total, inputs), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


@pytest.mark.parametrize("b, n, c", [(None, 7, 3), (5, 14000, 2), (3, 9000, 6), (1, 40000, 4)])
def test_gradients_compiled_equal_eager_ones_also_in_groups_of_images(b, n, c):
    random = np.random.default_rng(3)
    points = random.uniform(-3, 8, [b or 5, n, 2]).astype(np.float32)
    image = random.normal(size=[b or 5, 4, 6, c]).astype(np.float32)
    specs = tf.TensorSpec([b, 4, 6, c]), tf.TensorSpec([b, None if b is None else n, 2])
    compiled = tf.function(both_gradients, specs, jit_compile=True, autograph=False)
    exact = both_gradients(tf.constant(image, tf.float64), tf.constant(points, tf.float64))
    for a, e in zip(compiled(image, points), exact, strict=True):
        size = np.abs(e).max()
        np.testing.assert_allclose(a / size, e / size, atol=1e-5)


@pytest.mark.parametrize("gradient, wanted", [("right", 13), ("central", 8.5), ("paper", 7)])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_derivative_at_a_whole_number_is_the_one_asked_for(gradient, wanted, axis):
    image = ROW if axis == 0 else ROW.transpose(0, 2, 1, 3)
    point = np.zeros([1, 1, 2], np.float32)
    point[..., axis] = 1
    across = gradients(image, point, padding="border", gradient=gradient)[1][0, 0]
    assert across[axis] == wanted
    assert across[1 - axis] == (7 if gradient == "paper" else 0)
    point[..., axis] = 1.5
    assert gradients(image, point, gradient=gradient)[1][0, 0, axis] == 13


@pytest.mark.parametrize("x, right, central, paper", [
    (0, 4, 3.5, 3), (3, -5, -10, 5), (-1, 3, 1.5, 0), (4, 0, -2.5, 0), (-7, 0, 0, 0), (9, 0, 0, 0),
])
def test_zeros_outside_count_in_the_derivative_at_the_border(x, right, central, paper):
    point = np.float32([[[x, 0]]])
    found = [gradients(ROW, point, gradient=g)[1][0, 0, 0] for g in ("right", "central", "paper")]
    assert found == [right, central, paper]


@pytest.mark.parametrize("padding", PADDINGS)
def test_one_sided_differences_agree_with_right_and_central_at_whole_numbers(padding):
    random = np.random.default_rng(4)
    image = random.normal(size=[1, 4, 5, 2])
    points = random.integers(-5, 9, [1, 40, 2]).astype(float)
    step, sides = 1e-6, {}
    for axis, sign in itertools.product(range(2), (-1, 1)):
        moved = points.copy()
        moved[..., axis] += sign * step
        change = ops.grid_sample(image, moved, padding=padding) - ops.grid_sample(
            image, points, padding=padding)
        sides[axis, sign] = tf.reduce_sum(change, -1).numpy() / (sign * step)
    right = np.stack([sides[0, 1], sides[1, 1]], -1)
    left = np.stack([sides[0, -1], sides[1, -1]], -1)
    found = gradients(image, points, padding=padding)[1]
    np.testing.assert_allclose(found, right, atol=1e-5)
    found = gradients(image, points, padding=padding, gradient="central")[1]
    np.testing.assert_allclose(found, (left + right) / 2, atol=1e-5)


def test_the_identity_has_its_own_upstream_as_gradient_to_the_image():
    x, y = np.meshgrid(np.arange(4.0), np.arange(3.0))
    points = tf.constant(np.broadcast_to(np.stack([x, y], -1), [2, 3, 4, 2]))
    image = tf.Variable(IMAGE)
    upstream = np.random.default_rng(5).normal(size=IMAGE.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(ops.grid_sample(image, points) * upstream)
    np.testing.assert_array_equal(tape.gradient(total, image), upstream)


@pytest.mark.parametrize("compiled", [False, True])
def test_points_that_are_no_numbers_or_far_away_give_numbers(compiled):
    bad = np.float32([np.nan, np.inf, -np.inf, 1e30, -1e30, 3e9])
    points = np.stack([bad, np.ones_like(bad)], -1)[None]

    def run(image, points):
        found = []
        for padding in PADDINGS:
            with tf.GradientTape() as tape:
                tape.watch([image, points])
                value = ops.grid_sample(image, points, padding=padding)
            found.append((value, *tape.gradient(value, [image, points])))
        return found

    function = tf.function(run, jit_compile=True, autograph=False) if compiled else run
    found = function(tf.constant(IMAGE[:1]), tf.constant(points))
    assert all(np.isfinite(x).all() for x in tf.nest.flatten(found))
    assert not any(np.any(x) for x in found[0])
    np.testing.assert_array_equal(found[1][0][0], IMAGE[0, 1, [0, 3, 0, 3, 0, 3]])


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_half_precision_images_are_read_at_exact_coordinates(dtype):
    image = tf.cast(tf.reshape(tf.range(300.0), [1, 1, 300, 1]) / 4, dtype)
    points = np.float32([[[290.5, 0], [1.25, 0]]])
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = ops.grid_sample(image, points)
    assert value.dtype == dtype
    np.testing.assert_allclose(tf.cast(value, tf.float32)[0, :, 0], [72.625, 0.3125], rtol=1e-2)
    assert tape.gradient(value, image).dtype == dtype


def golden_cases():
    stored = np.load(GOLDEN)
    return sorted({name.rsplit("/", 1)[0] for name in stored.files})


@pytest.mark.parametrize("case", golden_cases())
def test_values_and_gradients_equal_those_of_pytorch(case):
    stored = np.load(GOLDEN)
    image, grid, upstream = (
        tf.constant(stored[f"{case}/{name}"].astype(np.float32))
        for name in ("image", "grid", "upstream")
    )
    padding, align = case.split("/")[1], case.endswith("1")
    if padding == "reflection":
        padding = "reflect" if align else "symmetric"
    with tf.GradientTape() as tape:
        tape.watch([image, grid])
        points = ops.points_from_normalised(grid, image.shape[1:3], align_corners=align)
        value = ops.grid_sample(image, points, padding=padding)
    found = value, *tape.gradient(value, [image, grid], upstream)
    for name, mine in zip(("value", "image_gradient", "grid_gradient"), found, strict=True):
        theirs = stored[f"{case}/{name}"]
        size = np.abs(theirs).max() + 1
        np.testing.assert_allclose(mine / size, theirs / size, atol=2e-6, err_msg=name)


def test_the_recorded_cases_are_many():
    assert sum(len(np.load(GOLDEN)[f"{case}/image"]) for case in golden_cases()) >= 200


@pytest.mark.parametrize("options, text", [
    ({"padding": "mirror"}, "padding='mirror'"),
    ({"gradient": "left"}, "gradient='left'"),
    ({"image": IMAGE[0]}, r"image=float32 \(3, 4, 2\)"),
    ({"image": IMAGE.astype(np.uint8)}, "image=uint8"),
    ({"points": np.zeros([2, 1, 3], np.float32)}, r"points=\(2, 1, 3\)"),
    ({"points": np.zeros([3, 1, 2], np.float32)}, r"points=\(3, 1, 2\)"),
])
def test_a_wrong_argument_is_refused_by_name(options, text):
    arguments = {"image": IMAGE, "points": np.zeros([2, 1, 2], np.float32)} | options
    with pytest.raises(ValueError, match=text):
        ops.grid_sample(**arguments)
