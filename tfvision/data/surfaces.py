"""Points on the surfaces of meshes: OFF, OBJ, PLY and STL files, and text files of points."""

import struct
from pathlib import Path

import numpy as np

from tfvision.data.files import DataError, read_bytes

MESHES = (".off", ".obj", ".ply", ".stl")
TEXTS = (".txt", ".xyz", ".pts", ".csv")
ENDINGS = (*MESHES, *TEXTS, ".npy")
BROKEN = (ValueError, IndexError, KeyError, TypeError, AttributeError, StopIteration,
          EOFError, struct.error, NotImplementedError, ZeroDivisionError, MemoryError,
          NameError, AssertionError, OverflowError)  # Whatever trimesh lets out.


def read_mesh(file):
    """The corners and triangles in a mesh file; larger polygons are cut into triangles.

    file     .off (the counts may stand in the line of the word OFF), .obj, .ply or .stl
    return   float64 [v, 3], int64 [f, 3]; only a PLY may have points and no faces
    raises   DataError, naming the file, where it is damaged, has no faces, NaN or infinity
    """
    trimesh, data = _trimesh(), read_bytes(file)
    try:
        loaded = _load(trimesh, data, Path(file).suffix.lower()[1:])
    except BROKEN as error:
        told = str(error).strip().splitlines() or ["it ends too early"]
        raise DataError(f"{file}: no mesh that can be read ({told[0][:200]})") from None
    corners = np.asarray(getattr(loaded, "vertices", ()), float).reshape(-1, 3)
    faces = np.asarray(getattr(loaded, "faces", ()), np.int64).reshape(-1, 3)
    if not len(faces) and not (len(corners) and Path(file).suffix.lower() == ".ply"):
        raise DataError(f"{file}: has no faces, so it has no surface to take points from")
    if len(faces) and (faces.min() < 0 or faces.max() >= len(corners)):
        raise DataError(f"{file}: a face names a corner that is none of the {len(corners)}")
    if not np.isfinite(corners[faces] if len(faces) else corners).all():
        raise DataError(f"{file}: a corner is NaN or infinite; repair or remove the mesh")
    return corners, faces


def _load(trimesh, data, kind):
    """A mesh from bytes; trimesh's own errors become ValueError."""
    stl = trimesh.exchange.stl.HeaderError
    force = None if kind == "ply" else "mesh"  # A PLY may be a cloud of points.
    options = {"file_type": kind, "process": False, "force": force}
    try:
        loaded = trimesh.load(trimesh.util.wrap_as_stream(data), **options)
    except stl as error:
        raise ValueError(str(error)) from None
    if kind == "off":
        _count(data, loaded)
    return loaded


def _count(data, loaded):
    """ValueError where an OFF file has fewer faces than it announces; trimesh does not mind."""
    lines = (line.split("#")[0] for line in data.decode("ascii", "replace").splitlines())
    words = " ".join(lines).split("OFF", 1)[-1].split(maxsplit=2)
    if len(getattr(loaded, "faces", ())) < int(words[1]):
        raise ValueError(f"it ends after {len(loaded.faces)} of {words[1]} faces")


def _trimesh():
    try:
        import trimesh
    except ImportError:
        raise DataError(
            "Meshes are read by trimesh, which is missing. Type: pip install tfvision[meshes]"
        ) from None
    return trimesh


def on_surface(corners, faces, count, *, seed):
    """Points drawn evenly from triangles, in random order: float32 [count, 3].

    corners  float [v, 3]
    faces    int [f, 3]
    seed     int or list of int; the same gives the same points
    raises   ValueError where all triangles are without area
    """
    a, b, c = (corners[faces[:, i]] for i in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    if not 0 < areas.sum() < np.inf:
        raise ValueError("Expected a surface with an area. Received: area=0")
    random = np.random.default_rng(seed)
    chosen = random.choice(len(faces), count, p=areas / areas.sum())
    u, v = random.random([2, count, 1])
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    points = a[chosen] + u * (b[chosen] - a[chosen]) + v * (c[chosen] - a[chosen])
    return points.astype(np.float32)


def unit_sphere(points):
    """Points [n, d] with the middle of their bounding box at 0, the farthest at distance 1.

    return   float32 [n, d]; all 0 where there is one point only
    """
    centred = np.asarray(points, np.float64)
    centred = centred - (centred.min(0) + centred.max(0)) / 2
    return (centred / max(np.linalg.norm(centred, axis=1).max(), 1e-12)).astype(np.float32)


def read_points(file, *, columns=3):
    """The rows of numbers in a text file, split by spaces or commas, or in a .npy file.

    columns  how many numbers a row has at least
    return   float64 [n, c], n >= 1
    raises   DataError, naming the file (and the line), for all else, NaN and infinity
    """
    if Path(file).suffix.lower() == ".npy":
        rows = _npy(file)
    else:
        rows = _rows(file, read_bytes(file).decode("ascii", "replace").splitlines())
    if rows.ndim != 2 or not len(rows) or rows.shape[1] < columns:
        shape = list(rows.shape)
        raise DataError(f"{file}: expected rows of {columns} numbers or more, found {shape}")
    if not np.isfinite(rows).all():
        row = int(np.flatnonzero(~np.isfinite(rows).all(1))[0])
        raise DataError(f"{file}: point {row + 1} has NaN or infinity")
    return rows


def _npy(file):
    try:
        rows = np.load(file, allow_pickle=False)
        return np.asarray(rows, float)
    except (OSError, ValueError, EOFError, TypeError) as error:
        raise DataError(f"{file}: no array of numbers ({error})") from None


def _rows(file, lines):
    """Comments behind # and empty lines are left out."""
    rows, width = [], None
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].replace(",", " ").split()
        if not words:
            continue
        width = len(words) if width is None else width
        try:
            rows.append([float(word) for word in words])
        except ValueError as error:
            raise DataError(f"{file}: line {number}: {error}") from None
        if len(words) != width:
            raise DataError(
                f"{file}: line {number} has {len(words)} numbers, those before it {width}"
            )
    return np.array(rows, float).reshape(len(rows), width or 0)


def cloud(file, count, *, seed=0):
    """Points of a mesh's surface or from a file of points, in the unit sphere, in random order.

    Of a file of points, or a PLY without faces, some points are taken where it has more, and some
    repeated where it has fewer.

    return   float32 [count, 3]
    raises   DataError that names the file
    """
    if Path(file).suffix.lower() not in MESHES:
        points = read_points(file)[:, :3]
    else:
        points, faces = read_mesh(file)
        if len(faces):
            return of_surface(file, points, faces, count, seed=seed)
    return unit_sphere(points[chosen(len(points), count, seed=seed)])


def of_surface(file, corners, faces, count, *, seed):
    """`on_surface`, in the unit sphere; its error names the file."""
    try:
        return unit_sphere(on_surface(corners, faces, count, seed=seed))
    except ValueError as error:
        raise DataError(f"{file}: {error}") from None


def chosen(n, count, *, seed=0):
    """`count` of the numbers 0..n-1 in random order, each as often as any other, or once more."""
    random = np.random.default_rng(seed)
    times = -(-count // n)
    return np.concatenate([random.permutation(n) for _ in range(times)])[:count]


def clouds(files, count):
    """`cloud` of each file, each with its own seed: float32 [n, count, 3]."""
    return np.stack([cloud(file, count, seed=seed) for seed, file in enumerate(files)])


def faults(files):
    """Every file that has no usable surface or points, one line each."""
    for file in files:
        try:
            cloud(file, 1)
        except DataError as fault:
            yield str(fault)
