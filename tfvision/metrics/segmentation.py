"""How well label maps and the regions they make agree with the truth."""

import cv2
import numpy as np

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99)


def pixel_accuracy(labels, truth):
    """Share of pixels with the right label."""
    return float(np.mean(np.asarray(labels) == np.asarray(truth)))


def rand_score(probability, truth, *, threshold, smallest=30):
    """Foreground-restricted Rand score of the cells in one slice (Arganda-Carreras et al., 2015).

    The cells are what `cells_of` finds; the label's background is ignored, as the challenge does.

    probability  float [h, w], of cell
    truth        int [h, w], 0 = membrane; its cells are 4-connected regions
    return       1 - scikit-image's adapted Rand error, 0..1
    """
    from skimage.metrics import adapted_rand_error

    cells = cells_of(probability, threshold=threshold, smallest=smallest)
    return float(1 - adapted_rand_error(_regions(np.asarray(truth) > 0), cells)[0])


def cells_of(probability, *, threshold, smallest=30):
    """Cells: regions over the threshold, more than `smallest` px, grown until they meet.

    return   int32 [h, w], 1... everywhere; 0 only where there is no cell at all
    """
    from skimage.segmentation import watershed

    seeds = _regions(probability > threshold)
    areas = np.bincount(seeds.ravel())
    seeds[areas[seeds] <= smallest] = 0
    return watershed(-probability, seeds).astype(np.int32)


def best_threshold(probabilities, truths, candidates=THRESHOLDS):
    """The candidate with the highest mean Rand score; choose it on training slices."""
    pairs = list(zip(probabilities, truths, strict=True))
    scores = [np.mean([rand_score(p, t, threshold=c) for p, t in pairs]) for c in candidates]
    return float(candidates[int(np.argmax(scores))])


def _regions(mask):
    return cv2.connectedComponents(np.asarray(mask, np.uint8), connectivity=4)[1]
