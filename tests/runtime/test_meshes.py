"""runtime.meshes: what training reads with trimesh, without it."""

import struct

import numpy as np
import pytest

from tfvision.runtime import meshes, points

CORNERS = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]], float)
FACES = ((0, 1, 2), (0, 2, 3))
COFF = "COFF\n4 1 0\n0 0 0 9 9 9 9\n2 0 0 9 9 9 9\n2 1 0 9 9 9 9\n0 1 0 9 9 9 9\n4 0 1 2 3\n"


def binary_ply(order, *, faces=True):
    """A rectangle with colours, and a face with a flag and texture before its corners."""
    name = {"<": "little", ">": "big"}[order]
    head = (f"ply\nformat binary_{name}_endian 1.0\ncomment end_header\nelement vertex 4\n"
            "property uchar red\nproperty float x\nproperty double y\nproperty float32 z\n")
    if faces:
        head += ("element face 1\nproperty uchar flag\nproperty list uchar float texture\n"
                 "property list uint8 int32 vertex_indices\n")
    rows = [struct.pack(f"{order}Bfdf", 7, *corner) for corner in CORNERS]
    face = struct.pack(f"{order}BB2fB4i", 1, 2, 0.5, 0.5, 4, 0, 1, 2, 3)
    return f"{head}end_header\n".encode() + b"".join(rows) + (face if faces else b"")


def binary_stl():
    rows = [struct.pack("<12fH", 0, 0, 1, *CORNERS[list(f)].ravel(), 0) for f in FACES]
    return b"solid".ljust(80, b"\0") + struct.pack("<I", 2) + b"".join(rows)


def text_stl():
    corners = "\n".join(
        f"facet normal 0 0 1\nouter loop\n{rows}\nendloop\nendfacet"
        for rows in ("\n".join("  Vertex {} {} {}".format(*CORNERS[i]) for i in f) for f in FACES)
    )
    return f"solid a\n{corners}\nendsolid a\n".encode()


FILES = {
    "a.ply": binary_ply("<"), "b.ply": binary_ply(">"), "c.stl": binary_stl(), "d.stl": text_stl(),
    "e.off": COFF.encode(), "f.off": COFF.replace("COFF", "NOFF").encode(),
    "g.off": COFF.replace("COFF\n4", "COFF4").encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_corners_and_surfaces_are_those_of_the_file(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(FILES[name])
    corners = points.read(file)["points"]
    np.testing.assert_array_equal(np.unique(corners, axis=0), np.unique(CORNERS, axis=0))
    found = points.read(file, count=4000)["points"]
    np.testing.assert_allclose(found.mean(0), [1, 0.5, 0], atol=0.04)
    np.testing.assert_allclose(found.std(0), [2 / 12**0.5, 1 / 12**0.5, 0], atol=0.02)


@pytest.mark.parametrize("order", "<>")
def test_binary_points_without_faces_are_read(tmp_path, order):
    (tmp_path / "a.ply").write_bytes(binary_ply(order, faces=False))
    np.testing.assert_array_equal(points.read(tmp_path / "a.ply", count=9)["points"], CORNERS)


@pytest.mark.parametrize("name", ["a.ply", "b.ply", "c.stl", "e.off"])
@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.98])
def test_a_file_that_ends_too_early_is_named(tmp_path, name, share):
    (tmp_path / name).write_bytes(FILES[name][: int(share * len(FILES[name]))])
    with pytest.raises(ValueError, match=f"{name}: cannot be read: "):
        points.read(tmp_path / name)


@pytest.mark.parametrize("kind", ["ply", "stl", "stl_ascii", "off", "obj"])
def test_what_trimesh_writes_is_read(tmp_path, kind):
    trimesh = pytest.importorskip("trimesh")
    box = trimesh.creation.box((1, 2, 3))
    file = tmp_path / f"a.{kind[:3]}"
    box.export(file, file_type=kind)
    corners = points.read(file)["points"]
    np.testing.assert_allclose(np.unique(corners, axis=0), np.unique(box.vertices, axis=0))
    found = points.read(file, count=500)["points"]
    np.testing.assert_allclose(np.abs(found / [0.5, 1, 1.5]).max(1), 1)


def test_corners_of_an_obj_below_zero_count_back_from_their_line(tmp_path):
    file = tmp_path / "two.obj"
    one, other = (f"v {x} 0 0\nv {x + 1} 0 0\nv {x} 1 0\nf -3 -2 -1\n" for x in (0, 5))
    file.write_text(one + other)
    found = meshes.obj(file.read_bytes())
    np.testing.assert_array_equal(found["faces"], [[0, 1, 2], [3, 4, 5]])
    file.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 0 1 2\n")
    with pytest.raises(ValueError, match="two.obj.*corner 0; they count from 1"):
        points.read(file)
