"""metrics.latent: which units of a code say something."""

import numpy as np

from tfvision.metrics import latent


def test_units_count_where_their_means_vary_over_the_images():
    random = np.random.default_rng(0)
    deviations = np.array([2.0, 0.2, 0.05, 0.0])  # Variances 4, 0.04, 0.0025, 0.
    means = random.normal(size=[5000, 4]) * deviations + [0, 100, 100, 100]
    assert latent.active_units(means) == 2
    assert latent.active_units(means, threshold=0.001) == 3
    assert latent.active_units(means[:, 3:]) == 0


def test_one_image_tells_nothing():
    assert latent.active_units(np.ones([1, 6])) == 0


def test_a_collapse_is_told_where_no_unit_is_active_and_nowhere_else():
    random = np.random.default_rng(0)
    still = random.normal(size=[200, 4]) * 0.05 + [3, 0, -1, 0]
    assert "none of 4 units is active" in latent.collapse(still)
    assert latent.collapse(still, threshold=1e-4) is None
    still[:, 2] *= 20
    assert latent.collapse(still) is None


def test_one_image_or_broken_numbers_are_no_collapse():
    assert latent.collapse(np.ones([1, 6])) is None
    assert latent.collapse(np.full([9, 6], np.nan)) is None
