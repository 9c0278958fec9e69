"""Points and other arrays from files: npz, npy, json, rows of text, PLY, OFF, OBJ and STL."""

import json
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tfvision.runtime import meshes

MESHES = {".ply": meshes.ply, ".off": meshes.off, ".obj": meshes.obj, ".stl": meshes.stl}
TEXTS = (".txt", ".xyz", ".pts", ".csv")
ENDINGS = frozenset((".npz", ".npy", ".json", *MESHES, *TEXTS))
BROKEN = (ValueError, KeyError, IndexError, StopIteration, EOFError, OverflowError, struct.error)
LARGEST = np.finfo(np.float32).max  # Beyond it a number is infinite to a model.


def read(file, *, count=None, seed=0):
    """The arrays in a file: name -> array.

    file     .npz or .json with named arrays; .npy, a bare list in .json, .txt, .xyz, .pts or .csv
             with a point in each line, .ply, .off, .obj and .stl hold one, named points:
             float [n, d]
    count    how many points to draw from the surface of a mesh; None takes its corners
    raises   OSError or ValueError that names the file, and the first point with NaN or infinity
    """
    file = Path(file)
    readers = {".npz": _npz, ".npy": _npy, ".json": _json}
    readers |= dict.fromkeys(TEXTS, _text) | dict.fromkeys(MESHES, _mesh)
    if file.suffix.lower() not in readers:
        raise ValueError(f"{file}: expected a file ending in {', '.join(sorted(readers))}")
    try:
        return usable(readers[file.suffix.lower()](file), count, seed)
    except BROKEN as error:
        raise ValueError(f"{file}: cannot be read: {str(error) or 'it ends too early'}") from error


def usable(arrays, count, seed):
    """The arrays without faces, points drawn from them; ValueError for all but finite numbers."""
    for name, value in arrays.items():
        if value.dtype.kind not in "biuf":
            raise ValueError(f"{name}: expected numbers. Received: dtype={value.dtype}")
    faces = arrays.pop("faces", None)
    if faces is not None and len(faces) and count:
        check_finite(arrays["points"], np.unique(faces))
        arrays["points"] = on_surface(arrays["points"], faces, count, seed)
    for name in arrays:
        if name.startswith("points"):
            check_finite(arrays[name])
    return arrays


def check_finite(points, rows=slice(None)):
    """ValueError that names the first point, of those in `rows`, with NaN or infinity.

    points   [n, d], or a batch of one; its numbers become float32
    """
    points = points.reshape(-1, points.shape[-1]) if points.ndim else points.reshape(1, 1)
    bad = np.zeros(len(points), bool)
    bad[rows] = ~(np.abs(points[rows]) <= LARGEST).all(1)
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(f"point {first + 1}: expected finite numbers of float32. "
                         f"Received: {points[first].tolist()}")


def on_surface(corners, faces, count, seed):
    """Points drawn evenly from triangles: float64 [count, 3].

    corners  float [v, 3]
    faces    int [f, 3], numbers of corners
    """
    a, b, c = (corners[faces[:, i]] for i in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    if not areas.sum() > 0:
        return corners
    random = np.random.default_rng(seed)
    chosen = random.choice(len(faces), count, p=areas / areas.sum())
    u, v = random.random([2, count, 1])
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    return a[chosen] + u * (b[chosen] - a[chosen]) + v * (c[chosen] - a[chosen])


def resampled(points, count, seed=0):
    """Exactly `count` of the points: some of them where there are more, repeated where fewer."""
    n = len(points)
    if not n:
        raise ValueError("Expected at least one point. Received: none")
    if n > count:
        return points[np.sort(np.random.default_rng(seed).choice(n, count, replace=False))]
    return points[np.arange(count) % n]


def fitted(points, shape, seed=0):
    """As many points, of as many numbers, as an input of a shape [b, n, d] takes; -1 is any.

    Further numbers of each point, such as its normal or colour, are left out, as in training.

    points   [n, at least d]
    """
    _, count, columns = shape
    if points.shape[1] < columns:
        raise ValueError(f"Expected points of {columns} numbers. Received: {points.shape[1]}")
    points = points if columns == -1 else points[:, :columns]
    return points if count == -1 else resampled(points, count, seed)


def _npz(file):
    try:
        with open(file, "rb") as opened, np.load(opened, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, AttributeError, TypeError) as error:
        raise ValueError(f"it is no npz archive, or damaged: {error}") from error


def _npy(file):
    array = np.load(file, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("it is no npy file")
    return {"points": array}


def _json(file):
    content = json.loads(file.read_text())
    content = content if isinstance(content, dict) else {"points": content}
    return {name: np.array(value) for name, value in content.items() if isinstance(value, list)}


def _mesh(file):
    return MESHES[file.suffix.lower()](file.read_bytes())


def _text(file):
    """Rows of as many numbers each, split by spaces or commas; # begins a comment."""
    rows = []
    for number, line in enumerate(file.read_text("ascii", "replace").splitlines(), 1):
        words = line.split("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            rows.append([float(word) for word in words])
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        if len(words) != len(rows[0]):
            raise ValueError(f"line {number} has {len(words)} numbers, the first {len(rows[0])}")
    if not rows:
        raise ValueError("it has no rows of numbers")
    return {"points": np.array(rows)}
