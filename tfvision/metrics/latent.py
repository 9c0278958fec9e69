"""How a model uses its latent space."""

import numpy as np


def active_units(means, *, threshold=0.01):
    """Units whose posterior mean varies from image to image (Burda et al., 2016, section 5).

    means      float [n, d], the posterior's mean of each image
    threshold  variance over the images from which a unit counts
    return     int; 0 is a collapsed posterior: codes say nothing of the images
    """
    return int(np.sum(np.var(np.asarray(means, np.float64), 0) > threshold))


def collapse(means, *, threshold=0.01):
    """A warning where no unit is active, in words for a terminal; None where one is.

    A decoder can do without codes, and an encoder without a use answers every image with the
    prior. Training seldom finds back from there.

    means, threshold  as for active_units; one image alone, or NaN, says nothing
    """
    known = len(means) > 1 and np.all(np.isfinite(means))
    if not known or active_units(means, threshold=threshold):
        return None
    return (
        f"WARNING: the posterior has collapsed: none of {np.shape(means)[1]} units is active, all "
        "images get the same code. Let the divergence's weight grow longer, lower the learning "
        "rate, or train with another seed"
    )
