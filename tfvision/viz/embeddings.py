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


def search_page(vectors, images, labels, *, mapped=1000, side=720):
    """An image of each class with what is nearest to it, some failures, and the map: [h, w, 3].

    vectors  float [n, d]
    images   uint8 [n, h, w, c], dark on bright
    labels   int [n]
    mapped   how many are on the map
    side     of the map, px
    """
    vectors, labels = np.asarray(vectors, np.float64), np.asarray(labels)
    squares = (vectors**2).sum(1)
    apart = np.maximum(squares[:, None] + squares - 2 * vectors @ vectors.T, 0)
    np.fill_diagonal(apart, np.inf)
    wrong = np.flatnonzero(labels[apart.argmin(1)] != labels)
    _, first = np.unique(labels, return_index=True)
    kind = "itself" if vectors.shape[1] == 2 else "on the plane of largest variance"
    chart = plane(vectors[:mapped], images[:mapped], labels[:mapped], side=side)
    failures = f"{len(wrong)} of {len(labels)} have the nearest of another class; the first of them"
    parts = [
        ("one of each class and what is nearest to it", neighbours(images, labels, apart, first)),
        (failures, neighbours(images, labels, apart, wrong[:6])),
        (f"the embedding of {len(vectors[:mapped])}, {kind}", chart),
    ]
    return page(*[part for part in parts if part[1] is not None])


def neighbours(images, labels, distances, rows, *, side=56, most=8):
    """Images beside what is nearest to each, in green where it is of its class, else in red.

    images     uint8 [n, h, w, c]
    labels     int [n]
    distances  float [n, n], infinite for what is not to be shown
    rows       of which images; None is returned for none
    most       how many neighbours are shown
    return     uint8 [h, w, 3]: two columns, where there are several rows
    """
    lines = []
    for row in rows:
        order = np.argsort(distances[row], kind="stable")[:most]
        frames = [framed(images[i], side, GREEN if labels[i] == labels[row] else RED)
                  for i in order]
        query = framed(images[row], side, INK)
        lines.append(panels.beside(query, panels.beside(*frames, gap=3), gap=12))
    columns = [panels.above(*lines[i::2], gap=6) for i in range(min(2, len(lines)))]
    return panels.beside(*columns, gap=36) if columns else None


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

    Vectors of two numbers are that plane themselves, x to the right and y down.

    vectors   float [n, d]
    images    uint8 [n, h, w, c], dark on bright
    labels    int [n]; each has a colour
    return    uint8 [side, side, 3]
    """
    points = np.asarray(vectors, np.float64)
    points = points if points.shape[1] == 2 else principal(points)
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
