"""Points drawn evenly from surfaces with a formula: float64 [n, 3] each, z up, around the origin.

Where a surface consists of several pieces, each gets points by its share of the area.
"""

import numpy as np


def box(random, n, size):
    """The six sides of a box, size (x, y, z)."""
    size = np.asarray(size, float)
    faces = np.array([size[1] * size[2], size[0] * size[2], size[0] * size[1]])
    axis = random.choice(3, n, p=faces / faces.sum())
    points = (random.random([n, 3]) - 0.5) * size
    points[np.arange(n), axis] = size[axis] * (random.integers(0, 2, n) - 0.5)
    return points


def ellipsoid(random, n, radii, *, lowest=-1.0):
    """An ellipsoid, cut off below z = lowest * radii[2]; a cut sphere is drawn evenly."""
    z = random.uniform(lowest, 1, n)
    angle, wide = random.uniform(0, 2 * np.pi, n), np.sqrt(1 - z**2)
    return np.stack([wide * np.cos(angle), wide * np.sin(angle), z], 1) * np.asarray(radii, float)


def frustum(random, n, bottom, top, height, *, caps=True):
    """A cylinder or cone along z with radii `bottom` and `top`, with its discs or open."""
    side = np.pi * (bottom + top) * np.hypot(height, bottom - top)
    areas = np.array([side, np.pi * bottom**2 * caps, np.pi * top**2 * caps])
    piece, u = random.choice(3, n, p=areas / areas.sum()), random.random(n)
    if abs(bottom - top) > 1e-9:  # More of the side lies where it is wide.
        radius = np.sqrt(bottom**2 + u * (top**2 - bottom**2))
        z = (radius - bottom) / (top - bottom)
    else:
        radius, z = np.full(n, bottom), u
    for number, (end, at) in enumerate(((bottom, 0.0), (top, 1.0)), 1):
        radius = np.where(piece == number, end * np.sqrt(u), radius)
        z = np.where(piece == number, at, z)
    angle = random.uniform(0, 2 * np.pi, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), (z - 0.5) * height], 1)


def torus(random, n, radius, tube, *, share=1.0):
    """A ring around z; `share` of a whole turn, from x on."""
    found = np.empty([0])
    while len(found) < n:  # More of the surface lies outside than inside.
        angle = random.uniform(0, 2 * np.pi, 2 * n)
        kept = random.random(2 * n) * (radius + tube) < radius + tube * np.cos(angle)
        found = np.concatenate([found, angle[kept]])
    small, large = found[:n], random.uniform(0, 2 * np.pi * share, n)
    far = radius + tube * np.cos(small)
    return np.stack([far * np.cos(large), far * np.sin(large), tube * np.sin(small)], 1)


def lying(points):
    """What stood along z, along x: (x, y, z) -> (z, y, -x)."""
    return points[:, [2, 1, 0]] * [1, 1, -1]
