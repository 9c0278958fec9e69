"""metrics.generation: closed forms, known copies, hostile input."""

import numpy as np
import pytest

from tfvision.metrics import generation


def with_moments(mean, covariance, n=50, seed=0):
    """Numbers [n, d] whose mean and covariance are exactly these."""
    x = np.random.default_rng(seed).normal(size=[n, len(mean)])
    x -= x.mean(0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T).reshape(len(mean), -1))).T
    return x @ np.linalg.cholesky(covariance).T + mean


def test_it_is_exact_where_covariances_commute():
    a = with_moments(np.zeros(3), np.diag([1.0, 4.0, 9.0]))
    b = with_moments(np.array([1.0, -2.0, 0.5]), np.diag([4.0, 4.0, 1.0]), n=80, seed=1)
    expected = 1 + 4 + 0.25 + (1 - 2) ** 2 + 0 + (3 - 1) ** 2
    np.testing.assert_allclose(generation.frechet_distance(a, b), expected, rtol=1e-10)


def test_it_is_exact_where_covariances_do_not_commute():
    a, b = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[3.0, 0.0], [0.0, 1.0]])
    # In two dimensions tr((AB)^(1/2)) = sqrt(tr(AB) + 2 sqrt(det(AB))).
    trace = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    expected = np.trace(a) + np.trace(b) - 2 * trace
    found = generation.frechet_of_normals([0, 0], a, [0, 0], b)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    found = generation.frechet_distance(with_moments(np.zeros(2), a), with_moments(np.zeros(2), b))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_it_is_symmetric_and_zero_for_the_same_features():
    random = np.random.default_rng(2)
    a, b = random.normal(size=[40, 5]), random.normal(size=[60, 5]) @ random.normal(size=[5, 5])
    there, back = generation.frechet_distance(a, b), generation.frechet_distance(b, a)
    np.testing.assert_allclose(there, back, rtol=1e-10)
    assert generation.frechet_distance(a, a) < 1e-10 < there


def test_features_that_never_vary_are_no_trouble():
    a = np.zeros([30, 4])
    a[:, 0] = np.arange(30)
    b = a + [0, 0, 0, 2]
    np.testing.assert_allclose(generation.frechet_distance(a, b), 4.0, atol=1e-6)


def test_a_large_mean_does_not_cost_the_digits():
    a = with_moments(np.zeros(2), np.eye(2)).astype(np.float32)
    shifted = (a.astype(np.float64) + 1e4, a.astype(np.float64) + 1e4 + [3, 4])
    np.testing.assert_allclose(generation.frechet_distance(*shifted), 25.0, rtol=1e-8)


@pytest.mark.parametrize(
    "a, b", [(np.zeros([1, 2]), np.zeros([5, 2])), (np.zeros([5, 2]), np.zeros([5, 3])),
             (np.full([5, 2], np.nan), np.zeros([5, 2])), (np.zeros([5]), np.zeros([5]))],
)
def test_what_has_no_covariance_is_refused(a, b):
    with pytest.raises(ValueError, match="Expected .*Received"):
        generation.frechet_distance(a, b)


def one_hot(classes, k=10):
    return np.eye(k)[np.asarray(classes)]


def test_modes_are_the_classes_with_a_share():
    classes = [0] * 50 + [1] * 46 + [2] * 4  # Of ten classes, 4 % is enough, 0 % is not.
    shares = generation.class_shares(one_hot(classes))
    np.testing.assert_allclose(shares[:4], [0.5, 0.46, 0.04, 0.0])
    assert generation.count_modes(shares) == 3
    assert generation.count_modes(shares, least=0.05) == 2


def test_a_grade_tells_a_collapsed_generator():
    random = np.random.default_rng(3)
    real = random.normal(size=[200, 4])
    good = generation.grade(random.normal(size=[200, 4]), one_hot(np.arange(200) % 10), real)
    bad = generation.grade(np.tile(real[:1], [200, 1]), one_hot([7] * 200), real)
    assert (good["modes"], bad["modes"]) == (10, 1)
    assert (good["smallest_share"], bad["smallest_share"]) == (0.1, 0.0)
    assert bad["frechet_distance"] > 10 * good["frechet_distance"]
    assert good["n"] == 200 and good["confidence"] == 1.0


def test_the_nearest_are_those_of_a_slow_search():
    random = np.random.default_rng(4)
    x, y = random.normal(size=[17, 3]) + 100, random.normal(size=[31, 3]) + 100
    slow = np.linalg.norm(x[:, None] - y[None], axis=-1).min(1)
    np.testing.assert_allclose(generation.nearest_distances(x, y, block=5), slow, rtol=1e-5)


def test_copies_are_told_from_new_examples():
    random = np.random.default_rng(5)
    train, heldout, new = (random.normal(size=[300, 6]) for _ in range(3))
    copies = train[random.integers(0, 300, 300)]
    assert generation.nearest_ratio(copies, train, heldout) < 1e-6
    assert 0.8 < generation.nearest_ratio(new, train, heldout) < 1.25


def test_shuffling_keeps_every_pixel_but_not_its_place():
    images = np.random.default_rng(6).integers(0, 256, [3, 5, 4, 3], np.uint8)
    shuffled = generation.shuffle_pixels(images)
    assert shuffled.shape == images.shape and not np.array_equal(shuffled, images)
    for before, after in zip(images.reshape(3, 20, 3), shuffled.reshape(3, 20, 3), strict=True):
        assert sorted(map(tuple, before)) == sorted(map(tuple, after))
    np.testing.assert_array_equal(shuffled, generation.shuffle_pixels(images))
