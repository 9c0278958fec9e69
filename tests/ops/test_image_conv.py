"""ops.image_conv: tf.nn.conv2d, with the image's gradient as a slow definition has it."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.ops.image_conv import arrivals

RANDOM = np.random.default_rng(0)


def slow_gradient(upstream, kernel, sides, first):
    """Each output gives each pixel of its window, which begins `first` before it, its share."""
    found = np.zeros([len(upstream), *sides])
    for b, y, x, d in np.ndindex(*upstream.shape):
        for i, j, c in np.ndindex(*kernel.shape[:3]):
            row, column = y + i - first[0], x + j - first[1]
            if 0 <= row < sides[0] and 0 <= column < sides[1]:
                found[b, row, column, c] += upstream[b, y, x, d] * kernel[i, j, c, d]
    return found


def gradients(function, image, kernel, upstream):
    with tf.GradientTape() as tape:
        tape.watch([image, kernel])
        y = function(image, kernel)
    return y, *tape.gradient(y, [image, kernel], output_gradients=upstream)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("window", [(3, 3), (2, 5), (1, 1), (4, 1)])
@pytest.mark.parametrize("padding", ["VALID", "SAME"])
def test_it_equals_the_slow_definition(channels, window, padding):
    sides = (6, 7, channels)
    image = RANDOM.normal(size=[2, *sides]).astype(np.float32)
    kernel = RANDOM.normal(size=[*window, channels, 3]).astype(np.float32)
    expected = tf.nn.conv2d(image, kernel, 1, padding)
    upstream = RANDOM.normal(size=expected.shape).astype(np.float32)
    y, of_image, of_kernel = gradients(
        lambda i, k: ops.image_conv(i, k, padding=padding),
        tf.constant(image), tf.constant(kernel), upstream,
    )
    first = [(side - 1) // 2 if padding == "SAME" else 0 for side in window]
    np.testing.assert_allclose(y, expected, atol=1e-5)
    np.testing.assert_allclose(of_image, slow_gradient(upstream, kernel, sides, first), atol=1e-4)
    plain = gradients(lambda i, k: tf.nn.conv2d(i, k, 1, padding), tf.constant(image),
                      tf.constant(kernel), upstream)
    np.testing.assert_allclose(of_kernel, plain[2], atol=1e-4)


def test_a_gradient_of_the_gradient_is_that_of_conv2d():
    image = tf.constant(RANDOM.normal(size=[2, 6, 6, 1]).astype(np.float32))
    kernel = tf.constant(RANDOM.normal(size=[3, 3, 1, 4]).astype(np.float32))

    def penalty(function):
        with tf.GradientTape() as outer:
            outer.watch([image, kernel])
            with tf.GradientTape() as tape:
                tape.watch(image)
                value = tf.reduce_sum(tf.tanh(function(image, kernel)))
            size = tf.reduce_sum(tape.gradient(value, image) ** 2)
        return outer.gradient(size, [image, kernel])

    for one, other in zip(
        penalty(ops.image_conv), penalty(lambda i, k: tf.nn.conv2d(i, k, 1, "VALID")), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_batches_of_any_size_and_xla_and_unknown_sides():
    kernel = tf.constant(RANDOM.normal(size=[3, 3, 1, 4]).astype(np.float32))
    image = RANDOM.normal(size=[5, 9, 8, 1]).astype(np.float32)

    def of_image(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_sum(ops.image_conv(image, kernel, padding="SAME") ** 2)
        return tape.gradient(loss, image)

    expected = of_image(tf.constant(image))
    for shape, options in (([None, 9, 8, 1], {}), ([5, 9, 8, 1], {"jit_compile": True}),
                           ([None, None, None, 1], {})):
        found = tf.function(of_image, input_signature=[tf.TensorSpec(shape)], **options)(image)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_each_tap_of_each_output_reads_one_pixel_or_the_padding():
    np.testing.assert_array_equal(arrivals(2, 3, 4, "VALID").argmax(1), [0, 1, 2, 1, 2, 3])
    assert arrivals(4, 3, 4, "SAME").sum() == 4 * 3 - 2


def test_other_paddings_are_refused():
    with pytest.raises(ValueError, match="Expected padding 'VALID' or 'SAME'. Received: padding="):
        ops.image_conv(tf.zeros([1, 5, 5, 1]), tf.zeros([3, 3, 1, 1]), padding="same")
