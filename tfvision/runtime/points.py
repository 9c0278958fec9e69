"""Points and other arrays from files: npz, npy, json, rows of text, PLY, OFF and OBJ."""

import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

TEXTS = (".txt", ".xyz", ".pts", ".csv")
ENDINGS = frozenset((".npz", ".npy", ".json", ".ply", ".off", ".obj", *TEXTS))


def read(file, *, count=None, seed=0):
    """The arrays in a file: name -> array.

    file     .npz or .json with named arrays; .npy, a bare list in .json, .txt, .xyz, .pts or .csv
             with a point in each line, .ply, .off and .obj (all as text) hold one, named points:
             float [n, 3]
    count    how many points to draw from the surface of a mesh; None takes its corners
    raises   OSError or ValueError that names the file
    """
    file = Path(file)
    readers = {".npz": _npz, ".npy": _npy, ".json": _json, ".ply": _ply, ".off": _off,
               ".obj": _obj} | dict.fromkeys(TEXTS, _text)
    if file.suffix.lower() not in readers:
        raise ValueError(f"{file}: expected a file ending in {', '.join(sorted(readers))}")
    try:
        arrays = readers[file.suffix.lower()](file)
    except (ValueError, KeyError, IndexError, StopIteration, EOFError) as error:
        raise ValueError(f"{file}: cannot be read: {str(error) or 'it ends too early'}") from error
    faces = arrays.pop("faces", None)
    if faces is not None and len(faces) and count:
        arrays["points"] = on_surface(arrays["points"], faces, count, seed)
    for name, value in arrays.items():
        if value.dtype.kind not in "biuf":
            raise ValueError(f"{file}: {name}: expected numbers. Received: dtype={value.dtype}")
    return arrays


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


def _ply(file):
    """Text PLY: vertices with x, y, z among their properties; polygons become triangles."""
    text = file.read_bytes().decode("ascii", "replace").splitlines()
    if not text or text[0].strip() != "ply":
        raise ValueError("it does not begin with 'ply'")
    header = text[: next(i for i, line in enumerate(text) if line.strip() == "end_header")]
    if not any(line.split()[:2] == ["format", "ascii"] for line in header):
        raise ValueError("it is binary; only PLY as text (format ascii) is read")
    rows = iter(line.split() for line in text[len(header) + 1 :] if line.strip())
    arrays = {}
    for name, size, columns in _elements(header):
        part = [next(rows) for _ in range(size)]
        if name == "vertex":
            places = [columns.index(axis) for axis in "xyz"]
            arrays["points"] = _numbers([[row[i] for i in places] for row in part])
        elif name == "face":
            arrays["faces"] = _triangles(part)
    if "points" not in arrays:
        raise ValueError("it has no element vertex")
    return _checked(arrays)


def _elements(header):
    """(name, count, names of properties) of each element of a PLY header."""
    elements = []
    for words in map(str.split, header):
        if words[:1] == ["element"]:
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"]:
            elements[-1][2].append(words[-1])
    return elements


def _off(file):
    """OFF: the head may share its line with the counts, as in ModelNet."""
    lines = (line.split("#")[0].split() for line in file.read_text("ascii", "replace").splitlines())
    rows = [line for line in lines if line]
    if not rows or not rows[0][0].startswith("OFF"):
        raise ValueError("it does not begin with 'OFF'")
    rows[0] = [word for word in [rows[0][0][3:], *rows[0][1:]] if word]
    rows = rows if rows[0] else rows[1:]
    corners, faces = int(rows[0][0]), int(rows[0][1])
    if len(rows) < 1 + corners + faces:
        raise ValueError(f"it ends after {len(rows) - 1} of {corners + faces} rows")
    points = _numbers([row[:3] for row in rows[1 : 1 + corners]])
    return _checked({"points": points, "faces": _triangles(rows[1 + corners :][:faces])})


def _obj(file):
    """OBJ: the corners (v) and faces (f) of all its objects."""
    rows = [line.split("#")[0].split() for line in file.read_text("ascii", "replace").splitlines()]
    points = _numbers([row[1:4] for row in rows if row[:1] == ["v"]])
    polygons = [[int(word.split("/")[0]) for word in row[1:]] for row in rows if row[:1] == ["f"]]
    if not len(points):
        raise ValueError("it has no corners")
    faces = [[i - 1 if i > 0 else i + len(points) for i in polygon] for polygon in polygons]
    return _checked({"points": points, "faces": _triangles([[len(f), *f] for f in faces])})


def _text(file):
    """Rows of as many numbers each, split by spaces or commas; # begins a comment."""
    lines = (line.split("#")[0] for line in file.read_text("ascii", "replace").splitlines())
    rows = [line.replace(",", " ").split() for line in lines]
    points = np.array([row for row in rows if row], float)
    if points.ndim != 2:
        raise ValueError("expected rows of as many numbers each")
    return {"points": points}


def _numbers(rows):
    return np.array(rows, float).reshape(-1, 3)


def _triangles(rows):
    """Polygons as fans of triangles: int [f, 3]."""
    polygons = [[int(word) for word in row[1 : 1 + int(row[0])]] for row in rows]
    fans = [(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)]
    return np.array(fans, int).reshape(-1, 3)


def _checked(arrays):
    faces, count = arrays.get("faces"), len(arrays["points"])
    if faces is not None and faces.size and not (faces.min() >= 0 and faces.max() < count):
        raise ValueError(f"a face names a corner that is none of the {count}")
    return arrays
