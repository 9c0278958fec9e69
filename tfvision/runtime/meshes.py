"""Meshes and clouds of points as bytes: PLY, OFF, OBJ and STL, text and binary.

Each function returns points float64 [n, 3] and, where there are faces, faces int [f, 3], in a dict;
larger polygons become triangles. What cannot be read raises an error in points.BROKEN.
"""

import re
import struct
from functools import partial

import numpy as np

ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
CODES = {  # Of struct and NumPy.
    "char": "b", "uchar": "B", "short": "h", "ushort": "H", "int": "i", "uint": "I", "float": "f",
    "double": "d", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i",
    "uint32": "I", "float32": "f", "float64": "d",
}
FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def ply(data):
    """PLY: vertices with x, y, z among their properties."""
    form, elements, at = ply_head(data)
    content, rows_of = data, partial(binary_rows, order=ORDERS.get(form))
    if form == "ascii":
        content, at, rows_of = words(data[at:]), 0, text_rows
    arrays = {}
    for name, count, properties in elements:
        rows, at = rows_of(content, at, count, properties)
        if len(rows) != count:
            raise ValueError(f"it ends after {len(rows)} of {count} rows of the element {name}")
        if name == "vertex":
            names = [known for known, _, _ in properties]
            places = [names.index(axis) for axis in "xyz"]
            arrays["points"] = numbers([[row[i] for i in places if i < len(row)] for row in rows])
        elif name == "face":
            arrays["faces"] = triangles([face(row, properties) for row in rows])
    if "points" not in arrays:
        raise ValueError("it has no element vertex")
    return checked(arrays)


def ply_head(data):
    """Format, elements (name, count, properties), and where the rows begin.

    A property is (name, code of the length of a list or "", code of the numbers).
    """
    end = re.search(rb"^end_header[ \t]*\r?\n?", data, re.MULTILINE)
    if not data.startswith(b"ply") or not end:
        raise ValueError("it does not begin with 'ply', or its head does not end")
    form, elements = "", []
    for row in words(data[: end.start()]):
        if row[0] == "format":
            form = row[1]
        elif row[0] == "element":
            elements.append((row[1], int(row[2]), []))
        elif row[0] == "property":
            length = CODES[row[2]] if row[1] == "list" else ""
            elements[-1][2].append((row[-1], length, CODES[row[-2]]))
    if form not in ("ascii", *ORDERS):
        raise ValueError(f"expected format ascii or {' or '.join(ORDERS)}. Received: {form!r}")
    return form, elements, end.end()


def text_rows(lines, at, count, properties):
    """The words of an element's rows, and the line behind them."""
    return lines[at : at + count], at + count


def binary_rows(data, at, count, properties, *, order):
    """The numbers of an element's rows, lists behind their lengths; and the byte behind them."""
    if not any(length for _, length, _ in properties):
        kind = np.dtype([(f"{i}", order + code) for i, (_, _, code) in enumerate(properties)])
        return np.frombuffer(data, kind, count, at).tolist(), at + count * kind.itemsize
    rows = []
    for _ in range(count):
        row = []
        for _, length, code in properties:
            many = 1
            if length:
                (many,) = struct.unpack_from(order + length, data, at)
                row.append(many)
                at += struct.calcsize(order + length)
            row += struct.unpack_from(f"{order}{many}{code}", data, at)
            at += many * struct.calcsize(order + code)
        rows.append(row)
    return rows, at


def face(row, properties):
    """The corners' numbers in a row of PLY's faces."""
    at = 0
    for name, length, _ in properties:
        if length and name.startswith("vertex_ind"):  # vertex_index, vertex_indices
            return polygon(row[at:])
        at += 1 + (int(row[at]) if length else 0)
    raise ValueError("its faces have no list vertex_indices")


def off(data):
    """OFF, COFF, NOFF: the head may share its line with the counts, as in ModelNet."""
    rows = words(data, comments=True)
    head = re.match("(ST)?C?N?OFF", rows[0][0]) if rows else None
    if not head:
        raise ValueError("it does not begin with 'OFF'")
    rows[0] = [word for word in [rows[0][0][head.end() :], *rows[0][1:]] if word]
    rows = rows if rows[0] else rows[1:]
    corners, faces = int(rows[0][0]), int(rows[0][1])
    if len(rows) < 1 + corners + faces:
        raise ValueError(f"it ends after {len(rows) - 1} of {corners + faces} rows")
    points = numbers([row[:3] for row in rows[1 : 1 + corners]])
    polygons = [polygon(row) for row in rows[1 + corners :][:faces]]
    return checked({"points": points, "faces": triangles(polygons)})


def obj(data):
    """OBJ: the corners (v) and faces (f) of all its objects."""
    rows = words(data, comments=True)
    points = numbers([row[1:4] for row in rows if row[0] == "v"])
    if not len(points):
        raise ValueError("it has no corners")
    polygons, before = [], 0
    for row in rows:
        before += row[0] == "v"
        if row[0] == "f":
            polygons.append([corner(word, before) for word in row[1:]])
    return checked({"points": points, "faces": triangles(polygons)})


def corner(word, before):
    """The number, from 0, of the corner in an OBJ's face: below 0 it counts back from there."""
    number = int(word.split("/")[0])
    if number == 0:
        raise ValueError("a face names the corner 0; they count from 1")
    return number - 1 if number > 0 else before + number


def stl(data):
    """STL, binary where its head announces the length it has; each corner is told once."""
    if len(data) >= 84 and len(data) == 84 + 50 * int.from_bytes(data[80:84], "little"):
        corners = np.frombuffer(data, FACET, offset=84)["corners"].astype(float)
    else:
        corners = numbers([row[1:4] for row in words(data.lower()) if row[0] == "vertex"])
    if not len(corners):
        raise ValueError("it has no triangles")
    points, faces = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    return {"points": points, "faces": faces.reshape(-1, 3)}


def words(data, *, comments=False):
    """The words of each line of text; empty lines, and what stands behind #, are left out."""
    lines = data.decode("ascii", "replace").splitlines()
    rows = ((line.split("#")[0] if comments else line).split() for line in lines)
    return [row for row in rows if row]


def numbers(rows):
    """Rows of three numbers: float64 [n, 3]."""
    short = next((i for i, row in enumerate(rows) if len(row) != 3), None)
    if short is not None:
        raise ValueError(f"corner {short + 1} has {len(rows[short])} of 3 numbers")
    return np.array(rows, float).reshape(-1, 3)


def polygon(row):
    """The corners' numbers behind their count."""
    count = int(row[0])
    corners = [int(word) for word in row[1 : 1 + count]]
    if len(corners) != count:
        raise ValueError(f"a face has {len(corners)} of {count} corners")
    return corners


def triangles(polygons):
    """Polygons as fans of triangles: int [f, 3]."""
    fans = [(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)]
    return np.array(fans, int).reshape(-1, 3)


def checked(arrays):
    """The arrays; ValueError where a face names a corner that is not there."""
    faces, count = arrays.get("faces"), len(arrays["points"])
    if faces is not None and faces.size and not (faces.min() >= 0 and faces.max() < count):
        raise ValueError(f"a face names a corner that is none of the {count}")
    return arrays
