"""Pictures of an embedding: what it takes for what, and its map in two dimensions."""

import cv2
import numpy as np

from tfvision.viz import panels
from tfvision.viz.canvas import INK
from tfvision.viz.labels import palette, rgb

GREEN, RED = (46, 139, 87), (214, 60, 50)


def one_shot(tests, training, distances, answers, *, side=56, most=10):
    """Tests over what was found for them and, where that is wrong, what was right.

    tests      uint8 [n, h, w, c]
    training   uint8 [k, h, w, c]
    distances  float [n, k]
    answers    int [n], rows of `training`
    most       how many tests are shown
    return     uint8 [h, w, 3]: a column for each
    """
    found = np.argmin(distances, 1)
    columns = []
    for test, best, answer in list(zip(tests, found, answers, strict=True))[:most]:
        right = best == answer
        empty = np.full([side, side, 3], 255, np.uint8)
        columns.append(panels.above(
            framed(test, side, INK),
            framed(training[best], side, GREEN if right else RED),
            empty if right else framed(training[answer], side, INK),
            gap=3,
        ))
    return panels.beside(*columns, gap=6)


def framed(image, side, colour):
    """The image, side x side px, in a coloured frame: uint8 [side, side, 3]."""
    inner = cv2.resize(rgb(image), (side - 6, side - 6), interpolation=cv2.INTER_AREA)
    picture = np.empty([side, side, 3], np.uint8)
    picture[:] = colour
    picture[1:-1, 1:-1] = 255 if colour == INK else colour
    picture[3:-3, 3:-3] = inner
    return picture


def plane(vectors, images, labels, *, side=640, thumbnail=30):
    """Images at their places in the plane that shows most of the vectors (PCA).

    vectors   float [n, d]
    images    uint8 [n, h, w, c], dark on bright
    labels    int [n]; each has a colour
    return    uint8 [side, side, 3]
    """
    points = principal(np.asarray(vectors, np.float64))
    low, high = points.min(0), points.max(0)
    places = (points - low) / np.maximum(high - low, 1e-12) * (side - thumbnail)
    kinds, numbers = np.unique(labels, return_inverse=True)
    colours = palette(len(kinds) + 1)[1:]
    sheet = np.full([side, side, 3], 255, np.uint8)
    for (x, y), image, number in zip(places.round().astype(int), images, numbers, strict=True):
        stamp(sheet[y : y + thumbnail, x : x + thumbnail], image, colours[number])
    return sheet


def stamp(place, image, colour):
    """Draws the ink of an image in a colour, its paper transparent, into part of a picture."""
    ink = 255 - cv2.resize(rgb(image), place.shape[1::-1], interpolation=cv2.INTER_AREA)
    share = np.minimum(ink[..., :1].astype(np.float32) / 110, 1)
    dark = np.float32(colour) * 0.8
    place[:] = (place * (1 - share) + dark * share).round().astype(np.uint8)


def principal(vectors):
    """Coordinates along the two directions of largest variance, float [n, 2]; signs are fixed."""
    centred = vectors - vectors.mean(0)
    if centred.shape[1] < 2:
        centred = np.pad(centred, [(0, 0), (0, 2 - centred.shape[1])])
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = np.pad(axes, [(0, max(2 - len(axes), 0)), (0, 0)])[:2]
    largest = np.abs(axes).argmax(1)
    axes = axes * np.where(axes[[0, 1], largest] < 0, -1, 1)[:, None]
    return centred @ axes.T


def page(*titled, text=10):
    """Pictures below one another, each under its title: uint8 [h, w, 3].

    titled   (title, picture) pairs
    """
    width = max(picture.shape[1] for _, picture in titled)
    parts = [
        part
        for title, picture in titled
        for part in (panels.caption(title, width=width, height=text), picture)
    ]
    return panels.above(*parts, gap=4)
