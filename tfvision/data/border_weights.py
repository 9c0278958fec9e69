"""The U-Net's weight map: more weight where two cells nearly touch."""

import cv2
import numpy as np


def border_weights(label, *, w0=10.0, sigma=5.0):
    """w(x) = w_c(x) + w0 exp(-(d1 + d2)^2 / 2 sigma^2) (Ronneberger et al., 2015, eq. 2).

    d1 and d2 are the distances, in px, to the nearest two cells; w_c balances the two classes
    and has mean 1. The second term is added outside of the cells only.

    label    int [h, w], 0 = background, otherwise cell; cells are 4-connected regions
    return   float32 [h, w]
    raises   ValueError for a label that is not [h, w]
    """
    cell = np.asarray(label) > 0
    if cell.ndim != 2 or not cell.size:
        raise ValueError(f"Expected a label [h, w]. Received: shape={cell.shape}")
    balance = np.where(cell, 0.5 / max(cell.mean(), 1e-6), 0.5 / max(1 - cell.mean(), 1e-6))
    if cell.all() or not cell.any():
        return np.ones(cell.shape, np.float32)
    count, regions = cv2.connectedComponents(cell.astype(np.uint8), connectivity=4)
    nearest = np.full([2, *cell.shape], np.inf, np.float32)
    exact = cv2.DIST_MASK_PRECISE
    for region in range(1, count):
        far = cv2.distanceTransform((regions != region).astype(np.uint8), cv2.DIST_L2, exact)
        nearest[1] = np.minimum(nearest[1], np.maximum(nearest[0], far))
        nearest[0] = np.minimum(nearest[0], far)
    gap = w0 * np.exp(-(nearest.sum(0) ** 2) / (2 * sigma**2))
    return (balance + np.where(cell, 0, gap)).astype(np.float32)
