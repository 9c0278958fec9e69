"""ops.null_vector: the eigenvector of the least eigenvalue, precise, with a bounded gradient."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision.ops.null_vector import GAP, null_vector


def up_to_sign(a, b):
    return np.minimum(np.abs(a - b).max(-1), np.abs(a + b).max(-1))


@pytest.mark.parametrize("k", [3, 9])
@pytest.mark.parametrize("kind, within", [(np.float32, 2e-5), (np.float64, 1e-12)])
def test_it_is_the_last_right_singular_vector(k, kind, within):
    random = np.random.default_rng(k)
    rows = random.normal(size=[200, 15, k]) * random.uniform(0.1, 2, [200, 1, k])
    weights = random.uniform(0, 1, [200, 15])
    truth = np.linalg.svd(rows * np.sqrt(weights)[..., None])[2][:, -1]
    found = null_vector(tf.constant(rows.swapaxes(1, 2).astype(kind)), weights.astype(kind))
    assert found.dtype == kind
    assert up_to_sign(found.numpy(), truth).max() < within


def test_a_direction_a_million_times_weaker_is_found_in_float32():
    """X'X would hide it: its eigenvalue is under the rounding of the greatest."""
    random = np.random.default_rng(0)
    turn = np.linalg.qr(random.normal(size=[9, 9]))[0]
    scales = np.array([1.0] * 7 + [1e-3, 1e-6])
    rows = np.linalg.qr(random.normal(size=[40, 9]))[0] * scales @ turn.T
    found = null_vector(rows.T[None].astype(np.float32), np.ones([1, 40], np.float32))
    assert up_to_sign(found.numpy(), turn[:, -1]).max() < 2e-3


@pytest.mark.parametrize("rows", [np.zeros([9, 5]), np.ones([9, 30]), np.eye(9), np.eye(9)[:, :4]])
def test_many_minimisers_give_one_of_them_and_a_finite_gradient(rows):
    rows = tf.constant(rows[None].astype(np.float32))
    weights = tf.ones_like(rows[:, 0])
    with tf.GradientTape() as tape:
        tape.watch([rows, weights])
        v = null_vector(rows, weights)
        first = v[0, 0] + 2 * v[0, 4]
    np.testing.assert_allclose(np.linalg.norm(v), 1, rtol=1e-5)
    least = np.linalg.eigvalsh(rows[0].numpy() @ rows[0].numpy().T)[0]
    assert np.sum((rows[0].numpy().T @ v[0].numpy()) ** 2) <= least + 1e-5
    for gradient in tape.gradient(first, [rows, weights]):
        assert np.isfinite(gradient).all()


def test_the_gradient_is_bounded_as_two_eigenvalues_meet():
    """It grows as 1 / gap down to the floor, and vanishes with the gap below it."""
    sizes = []
    for gap in (1e-2, 1e-4, 1e-8, 0):
        scales = np.sqrt(np.array([1, 0.5, 0.25 + gap, 0.25, 0.75], np.float64))
        rows, weights = tf.constant(np.diag(scales)[None]), tf.ones([1, 5], tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(rows)
            v = null_vector(rows, weights)
            along = tf.reduce_sum(v[0, 2])
        sizes.append(np.abs(tape.gradient(along, rows)).max())
    assert sizes[0] < sizes[1] / 50
    assert sizes[2] < 1e-8 / GAP**2 * 1.01 and sizes[3] == 0


def test_an_even_number_of_columns_is_refused():
    with pytest.raises(ValueError, match="k odd"):
        null_vector(np.ones([1, 4, 9], np.float32), np.ones([1, 9], np.float32))
