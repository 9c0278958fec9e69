"""Selective search: boxes that may hold objects, from regions that grow together.

Uijlings, van de Sande, Gevers and Smeulders, IJCV 2013. NumPy and OpenCV alone, so that exported
detectors which want proposals can be run on any device.
"""

import heapq

import cv2
import numpy as np

from tfvision.runtime.graph_segments import graph_segments

LONGEST = 500  # px: larger images are made smaller.
LEAST = 1 / 25  # Of the longest side: boxes of shorter sides are dropped.
BINS, TEXTURES, DIRECTIONS = 25, 10, 8  # per channel: colours; responses in each direction.
COLOURS = {"fast": ("hsv", "lab"), "quality": ("hsv", "lab", "rgi", "h", "i")}
SCALES = {"fast": (50, 100), "quality": (50, 100, 150, 300)}
MEASURES = {  # Which of colour, texture, size and fill are added.
    "fast": ((1, 1, 1, 1), (0, 1, 1, 1)),
    "quality": ((1, 1, 1, 1), (0, 1, 1, 1), (0, 0, 0, 1), (0, 0, 1, 0)),
}


def selective_search(image, *, mode="fast", count=2000, seed=0):
    """Boxes that may hold objects, the likely ones first.

    Segments are joined with the most similar neighbour until one is left; every region on the way
    gives a box. That is done for 8 ("fast") or 80 ("quality") combinations of colour space,
    segment size and similarity. Regions that come late, which are large, rank first, times a random
    number, as the paper does it.

    image   uint8 [h, w, 3] RGB, or [h, w], [h, w, 1] grey, or [h, w, 4] whose alpha is not used
    count   most boxes
    seed    of the random numbers
    return  float32 [n, 4] (x1, y1, x2, y2), px, continuous edges; without duplicates
    raises  ValueError for another mode or shape
    """
    if mode not in COLOURS:
        raise ValueError(f"Expected mode 'fast' or 'quality'. Received: mode={mode!r}")
    rgb = _as_rgb(image)
    scale = min(1, LONGEST / max(rgb.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in rgb.shape[1::-1])
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    random = np.random.default_rng(seed)
    found = [_ranked(boxes, random) for boxes in _hierarchies(small, mode)]
    boxes, rank = (np.concatenate(part) for part in zip(*found, strict=True))
    boxes = boxes[np.argsort(rank, kind="stable")]
    boxes = boxes[(boxes[:, 2:] - boxes[:, :2]).min(1) >= min(LEAST * max(size), *size)]
    _, first = np.unique(boxes, axis=0, return_index=True)
    back = np.array([rgb.shape[1] / size[0], rgb.shape[0] / size[1]] * 2)
    return (boxes[np.sort(first)[:count]] * back).astype(np.float32)


def _as_rgb(image):
    image = np.asarray(image)
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or image.dtype != np.uint8 or not (
        image.size
    ):
        raise ValueError(
            f"Expected image uint8 [h, w, 1, 3 or 4]. Received: {image.dtype} {image.shape}"
        )
    return np.repeat(image, 3, 2) if image.shape[2] == 1 else np.ascontiguousarray(image[..., :3])


def _ranked(boxes, random):
    """Boxes of a hierarchy, first joined first, and their ranks, small for what is likely."""
    return boxes, np.arange(len(boxes), 0, -1) * random.random(len(boxes))


def _hierarchies(rgb, mode):
    """Boxes int [n, 4] of all regions of each hierarchy."""
    for colour in COLOURS[mode]:
        image = in_colours(rgb, colour)
        texture = directions(image)
        for scale in SCALES[mode]:
            segments = graph_segments(image, scale=scale, smallest=scale)
            regions = described(segments, image, texture)
            for measure in MEASURES[mode]:
                yield grouped(regions, measure, segments.size)


def in_colours(rgb, name):
    """uint8 [h, w, c]: the image in a colour space, each channel over 0..255."""
    if name == "hsv":
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV_FULL)
    if name == "h":
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV_FULL)[..., :1]
    if name == "lab":
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None]
    if name == "i":
        return grey
    total = np.maximum(rgb.sum(-1, keepdims=True, dtype=np.float32), 1)
    return np.concatenate([(rgb[..., :2] * (255 / total)).astype(np.uint8), grey], -1)


def directions(image):
    """float32 [h, w, c * 8]: how fast the image grows in eight directions, Gaussian derivatives."""
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1).reshape(image.shape)
    dy, dx = np.gradient(smooth, axis=(0, 1)) if min(image.shape[:2]) > 1 else [0 * smooth] * 2
    angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    along = dx[..., None] * np.cos(angles) + dy[..., None] * np.sin(angles)
    return np.maximum(along, 0).reshape(*image.shape[:2], -1).astype(np.float32)


def described(segments, image, texture):
    """What similarity needs of n segments: dict of size [n], box [n, 4], colour and texture [n, d],
    which add up to 1, and pairs int [p, 2] of neighbours."""
    flat, n = segments.ravel(), segments.max() + 1
    y, x = np.indices(segments.shape).reshape(2, -1)
    box = np.stack([
        *(_extreme(np.minimum, v, flat, n, big) for v, big in ((x, x.max()), (y, y.max()))),
        *(_extreme(np.maximum, v, flat, n, 0) + 1 for v in (x, y)),
    ], 1)
    return {
        "size": np.bincount(flat, minlength=n), "box": box,
        "colour": histograms(flat, n, image, BINS, 256),
        "texture": histograms(flat, n, texture, TEXTURES, max(texture.max(), 1e-6) * 1.001),
        "pairs": neighbours(segments),
    }


def _extreme(which, values, segment, n, start):
    found = np.full(n, start)
    which.at(found, segment, values)
    return found


def histograms(segment, n, values, bins, top):
    """float32 [n, channels * bins]: for each segment, its share in each bin of each channel."""
    channels = values.reshape(len(segment), -1)
    place = (channels * (bins / top)).astype(np.int64) + np.arange(channels.shape[1]) * bins
    width = channels.shape[1] * bins
    counts = np.bincount((segment[:, None] * width + place).ravel(), minlength=n * width)
    counts = counts.reshape(n, width).astype(np.float32)
    return counts / counts.sum(1, keepdims=True)


def neighbours(segments):
    """int [p, 2]: pairs of segments that touch, each once."""
    pairs = [np.stack([segments[:, :-1].ravel(), segments[:, 1:].ravel()], 1),
             np.stack([segments[:-1].ravel(), segments[1:].ravel()], 1)]
    pairs = np.sort(np.concatenate(pairs), 1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def grouped(regions, measure, pixels):
    """Boxes int [2 n - 1, 4] of all regions: the segments, and what each join of two gives."""
    n = len(regions["size"])
    whole = {key: np.concatenate([regions[key], np.zeros_like(regions[key][: n - 1])])
             for key in ("size", "box", "colour", "texture")}
    near = [set() for _ in range(2 * n - 1)]
    for a, b in regions["pairs"].tolist():
        near[a].add(b)
        near[b].add(a)
    a, b = regions["pairs"].T
    heap = list(zip((-similarity(whole, a, b, measure, pixels)).tolist(), a.tolist(), b.tolist(),
                    strict=True))
    heapq.heapify(heap)
    for new in range(n, 2 * n - 1):
        _, a, b = next(pair for pair in iter(lambda: heapq.heappop(heap), None)
                       if near[pair[1]] and near[pair[2]] and pair[2] in near[pair[1]])
        merge(whole, near, a, b, new)
        others = np.array(sorted(near[new]), np.int64)
        values = (-similarity(whole, others, new, measure, pixels)).tolist()
        for other, value in zip(others.tolist(), values, strict=True):
            heapq.heappush(heap, (value, other, new))
    return whole["box"]


def merge(whole, near, a, b, new):
    """Writes what is known of the region that a and b make together."""
    size = whole["size"]
    size[new] = size[a] + size[b]
    for key in ("colour", "texture"):
        part = whole[key]
        part[new] = (size[a] * part[a] + size[b] * part[b]) / size[new]
    box = whole["box"]
    box[new, :2] = np.minimum(box[a, :2], box[b, :2])
    box[new, 2:] = np.maximum(box[a, 2:], box[b, 2:])
    near[new] = (near[a] | near[b]) - {a, b}
    for other in near[new]:
        near[other] -= {a, b}
        near[other].add(new)
    near[a], near[b] = set(), set()


def similarity(whole, a, b, measure, pixels):
    """How alike regions are, section 3.2, eqs. 2-6: float [n] for regions a [n] and b [n] or b."""
    colour, texture, size, fill = measure
    total = np.zeros(np.broadcast(a, b).shape)
    if colour:
        total += np.minimum(whole["colour"][a], whole["colour"][b]).sum(-1)
    if texture:
        total += np.minimum(whole["texture"][a], whole["texture"][b]).sum(-1)
    area = whole["size"][a] + whole["size"][b]
    if size:
        total += 1 - area / pixels
    if fill:
        one, other = whole["box"][a], whole["box"][b]
        low = np.minimum(one[..., :2], other[..., :2])
        high = np.maximum(one[..., 2:], other[..., 2:])
        total += 1 - ((high - low).prod(-1) - area) / pixels
    return total
