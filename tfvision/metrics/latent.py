"""How a model uses its latent space."""

import numpy as np


def active_units(means, *, threshold=0.01):
    """Units whose posterior mean varies from image to image (Burda et al., 2016, section 5).

    means      float [n, d], the posterior's mean of each image
    threshold  variance over the images from which a unit counts
    return     int; 0 is a collapsed posterior: codes say nothing of the images
    """
    return int(np.sum(np.var(np.asarray(means, np.float64), 0) > threshold))
