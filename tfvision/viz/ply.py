"""Points in space as PLY files, which MeshLab, CloudCompare, Blender and others open."""

import os
from pathlib import Path

import numpy as np


def write_ply(file, points, colours=None):
    """Writes points as text PLY; the file appears whole or not at all.

    points   float [n, 2 or 3]; a plane lies at z = 0
    colours  uint8 [n, 3] or None
    """
    points = np.asarray(points, float)
    points = np.pad(points, [(0, 0), (0, 3 - points.shape[1])])
    head = ["ply", "format ascii 1.0", f"element vertex {len(points)}",
            *(f"property float {axis}" for axis in "xyz")]
    if colours is not None:
        head += [f"property uchar {name}" for name in ("red", "green", "blue")]
    rows = [" ".join(f"{value:.7g}" for value in point) for point in points]
    if colours is not None:
        rows = [f"{row} {r} {g} {b}" for row, (r, g, b) in zip(rows, colours, strict=True)]
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    hidden = file.with_name("." + file.name)
    hidden.write_text("\n".join([*head, "end_header", *rows]) + "\n")
    os.replace(hidden, file)
