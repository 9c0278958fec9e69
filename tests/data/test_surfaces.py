"""data.surfaces: points lie evenly on meshes, and a broken file is named."""

import struct

import numpy as np
import pytest

from tfvision.data import surfaces
from tfvision.data.files import DataError

OFF = "OFF\n5 2 0\n0 0 0\n2 0 0\n2 1 0\n0 1 0\n9 9 9\n3 0 1 2\n3 0 2 3\n"
OBJ = "v 0 0 0\nv 2 0 0\nv 2 1 0\nv 0 1 0\nf 1 2 3\nf 1 3 4\n"
PLY = (
    "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\n"
    "property float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
    "0 0 0\n2 0 0\n2 1 0\n0 1 0\n4 0 1 2 3\n"
)
CLOUD = PLY.replace("face 1", "face 0")[:-10]
QUAD = OFF.replace("5 2 0", "5 1 0").replace("3 0 1 2\n3 0 2 3", "4 0 1 2 3")


def stl():
    corners = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]], np.float32)
    rows = [struct.pack("<12fH", 0, 0, 1, *corners[list(f)].ravel(), 0)
            for f in ((0, 1, 2), (0, 2, 3))]
    return b"\0" * 80 + struct.pack("<I", 2) + b"".join(rows)


FILES = {
    "a.off": OFF.encode(), "b.off": OFF.replace("OFF\n5", "OFF5").encode(),
    "c.off": QUAD.encode(), "d.obj": OBJ.encode(), "e.ply": PLY.encode(), "f.stl": stl(),
    "g.OFF": OFF.encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_points_are_drawn_evenly_from_the_surface(tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name])
    corners, faces = surfaces.read_mesh(tmp_path / name)
    points = surfaces.on_surface(corners, faces, 4000, seed=1)
    assert points.dtype == np.float32 and (points >= 0).all() and (points <= [2, 1, 0]).all()
    np.testing.assert_allclose(points.mean(0), [1, 0.5, 0], atol=0.04)
    np.testing.assert_allclose(points.std(0), [2 / 12**0.5, 1 / 12**0.5, 0], atol=0.02)
    np.testing.assert_array_equal(points, surfaces.on_surface(corners, faces, 4000, seed=1))
    assert np.any(points != surfaces.on_surface(corners, faces, 4000, seed=2))


def test_large_triangles_get_more_points_by_their_area():
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 0, 0], [8, 0, 0], [5, 3, 0]], float)
    points = surfaces.on_surface(corners, np.array([[0, 1, 2], [3, 4, 5]]), 5000, seed=0)
    assert np.mean(points[:, 0] < 2) == pytest.approx(0.1, abs=0.015)


HOSTILE = {
    "empty.off": b"", "cut.off": OFF[:30].encode(), "short.off": OFF[:-9].encode(),
    "text.off": b"solid nonsense", "binary.off": bytes(range(256)),
    "beyond.off": OFF.replace("3 0 2 3", "3 0 2 7").encode(),
    "below.off": OFF.replace("3 0 2 3", "3 0 2 -1").encode(),
    "nan.off": OFF.replace("2 1 0", "2 nan 0").encode(),
    "inf.off": OFF.replace("2 1 0", "2 inf 0").encode(),
    "huge.off": OFF.replace("5 2 0", "999999999 2 0").encode(),
    "flat.off": OFF.replace("2 0 0", "0 0 0").replace("2 1 0\n", "0 0 0\n").encode(),
    "cloud.off": b"OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n", "cloud.obj": b"v 0 0 0\nv 1 1 1\n",
    "empty.obj": b"", "bad.obj": b"v 0 0\nf 1 2 3\n",
    "beyond.obj": OBJ.replace("3 4", "3 9").encode(),
    "empty.ply": b"", "cut.ply": PLY[:-20].encode(), "head.ply": b"ply\nformat ascii 1.0\n",
    "none.ply": CLOUD.replace("vertex 4", "vertex 0")[:-24].encode(),
    "nan.ply": CLOUD.replace("2 1 0", "2 nan 0").encode(),
    "names.ply": PLY.replace("vertex_indices", "vertex_indexes").encode(),
    "empty.stl": b"", "cut.stl": stl()[:-30], "short.stl": b"\0" * 20,
    "empty.txt": b"", "words.txt": b"1 2 3\n1 two 3\n", "ragged.txt": b"1 2 3\n1 2 3 4\n",
    "nan.txt": b"1 2 3\n1 nan 3\n", "two.txt": b"1 2\n3 4\n", "noise.npy": b"no array",
    "empty.npy": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_broken_file_is_named_in_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(HOSTILE[name])
    with pytest.raises(DataError) as fault:
        surfaces.cloud(tmp_path / name, 10)
    assert str(tmp_path / name) in str(fault.value) and "\n" not in str(fault.value)


def test_a_corner_that_no_face_uses_may_be_anything(tmp_path):
    (tmp_path / "a.off").write_text(OFF.replace("9 9 9", "nan nan nan"))
    assert np.isfinite(surfaces.cloud(tmp_path / "a.off", 10)).all()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="a.off"):
        surfaces.cloud(tmp_path / "a.off", 10)


@pytest.mark.parametrize("text", ["0 0 0 7\n2 0 0 7\n\n# end\n", "0,0,0,7\n2,0,0,7\n"])
def test_points_in_text_files_are_taken_and_repeated(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    points = surfaces.cloud(tmp_path / "a.txt", 5)
    assert points.shape == (5, 3) and set(points[:, 0]) == {-1, 1}


def test_the_unit_sphere_is_filled_whatever_the_density():
    points = np.array([[0, 0, 0], [4, 0, 0], [4, 0, 0], [4, 0, 0]])
    np.testing.assert_allclose(surfaces.unit_sphere(points)[:2, 0], [-1, 1])
    np.testing.assert_array_equal(surfaces.unit_sphere(points[:1]), [[0, 0, 0]])


def bare(text):
    """A PLY without its element of faces, as viz.ply writes it."""
    return text.replace("element face 0\nproperty list uchar int vertex_indices\n", "")


@pytest.mark.parametrize("text", [CLOUD, bare(CLOUD)])
def test_of_a_ply_without_faces_the_points_are_taken(tmp_path, text):
    (tmp_path / "a.ply").write_text(text)
    points = surfaces.cloud(tmp_path / "a.ply", 4) * 5**0.5
    np.testing.assert_allclose(np.sort(points, 0), np.sort([[-2, -1, 0], [2, -1, 0], [2, 1, 0],
                                                            [-2, 1, 0]], 0), rtol=1e-5)
    assert surfaces.cloud(tmp_path / "a.ply", 9).shape == (9, 3)
