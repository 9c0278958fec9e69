"""viz.embeddings: frames that tell right from wrong, and a map that keeps distances."""

import numpy as np

from tfvision.viz import embeddings


def images(count):
    return np.random.default_rng(0).integers(0, 256, [count, 20, 20, 1], np.uint8)


def has(picture, colour):
    return bool((picture == np.uint8(colour)).all(-1).any())


def test_a_right_trial_is_green_and_a_wrong_one_red():
    distances = np.array([[0.0, 1.0], [1.0, 0.0]])
    right = embeddings.one_shot(images(2), images(2), distances, [0, 1])
    wrong = embeddings.one_shot(images(2), images(2), distances, [1, 0])
    assert right.dtype == np.uint8 and right.ndim == 3
    assert has(right, embeddings.GREEN) and not has(right, embeddings.RED)
    assert has(wrong, embeddings.RED) and not has(wrong, embeddings.GREEN)


def test_no_more_trials_are_shown_than_asked_for():
    distances = np.zeros([30, 4])
    few, many = (
        embeddings.one_shot(images(30), images(4), distances, [0] * 30, most=most)
        for most in (2, 9)
    )
    assert many.shape[1] > 3 * few.shape[1]


def test_the_plane_is_that_of_the_largest_variance():
    random = np.random.default_rng(1)
    flat = random.normal(size=[50, 2]) * [5, 2]
    turn = np.linalg.qr(random.normal(size=[6, 6]))[0][:2]
    found = embeddings.principal(flat @ turn + 7 + random.normal(0, 1e-6, [50, 6]))
    a, b = (np.linalg.norm(x[:, None] - x, axis=-1) for x in (found, flat))
    np.testing.assert_allclose(a, b, atol=1e-4)
    assert found[:, 0].var() > found[:, 1].var()


def test_the_plane_exists_for_few_and_for_equal_vectors():
    for vectors in (np.ones([3, 5]), np.zeros([1, 4]), np.array([[1.0], [2.0]])):
        assert embeddings.principal(vectors).shape == (len(vectors), 2)
        labels = np.arange(len(vectors))
        assert embeddings.plane(vectors, images(len(vectors)), labels, side=90).shape == (90, 90, 3)


def test_far_vectors_are_drawn_far_apart_in_their_colours():
    ink = np.zeros([2, 20, 20, 1], np.uint8)
    sheet = embeddings.plane(np.array([[0.0, 0], [1, 0]]), ink, [0, 1], side=100, thumbnail=10)
    y, x = np.nonzero((sheet != 255).any(-1))
    assert x.min() == 0 and x.max() == 99 and len(x) == 200
    assert len(np.unique(sheet[y, x], axis=0)) == 2


def test_a_page_stacks_pictures_under_titles():
    part = np.zeros([30, 80, 3], np.uint8)
    page = embeddings.page(("one", part), ("two", part[:, :40]))
    assert page.shape[1] == 80 and page.shape[0] > 2 * 30


def test_neighbours_of_the_class_are_green_and_others_red():
    distances = np.array([[np.inf, 1.0, 2.0], [1.0, np.inf, 3.0], [2.0, 3.0, np.inf]])
    right = embeddings.neighbours(images(3), [0, 0, 1], distances, [0], most=1)
    wrong = embeddings.neighbours(images(3), [0, 0, 1], distances, [2], most=1)
    assert has(right, embeddings.GREEN) and not has(right, embeddings.RED)
    assert has(wrong, embeddings.RED) and not has(wrong, embeddings.GREEN)
    assert embeddings.neighbours(images(3), [0, 0, 1], distances, []) is None


def test_vectors_of_two_numbers_are_drawn_where_they_are():
    ink = np.zeros([2, 20, 20, 1], np.uint8)
    vectors = np.array([[0.0, 0.0], [1.0, 0.1]])  # Turned to its largest variance, y would vanish.
    sheet = embeddings.plane(vectors, ink, [0, 1], side=100, thumbnail=10)
    assert not (sheet[:10, :10] == 255).all() and not (sheet[-10:, -10:] == 255).all()


def test_a_page_of_searches_shows_failures_where_there_are_some():
    labels = np.arange(20) % 2
    apart = np.stack([labels * 10.0 + np.arange(20) / 100, np.arange(20) / 100], 1)
    perfect = embeddings.search_page(apart, images(20), labels, side=200)
    labels[0] = 1
    failed = embeddings.search_page(apart, images(20), labels, side=200)
    assert not has(perfect[:100], embeddings.RED) and has(failed, embeddings.RED)
    assert failed.shape[0] > perfect.shape[0]
