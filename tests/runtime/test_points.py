import json

import numpy as np
import pytest

from tfvision.runtime import inputs, points

CORNERS = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]], float)
OFF = "OFF\n# a rectangle\n4 1 0\n0 0 0\n2 0 0\n2 1 0\n0 1 0\n4 0 1 2 3\n"
PLY = (
    "ply\nformat ascii 1.0\ncomment made by hand\nelement vertex 4\nproperty float y\n"
    "property float x\nproperty float z\nproperty uchar red\nelement face 1\n"
    "property list uchar int vertex_indices\nend_header\n"
    "0 0 0 9\n0 2 0 9\n1 2 0 9\n1 0 0 9\n4 0 1 2 3\n"
)


@pytest.mark.parametrize(
    "name, text",
    [
        ("a.off", OFF),
        ("b.off", OFF.replace("OFF\n# a rectangle\n4 1 0", "OFF4 1 0")),
        ("c.ply", PLY),
        ("d.json", json.dumps(CORNERS.tolist())),
        ("e.json", json.dumps({"points": CORNERS.tolist(), "name": "rectangle"})),
        ("f.obj", "v 0 0 0\nv 2 0 0\nv 2 1 0 # with colour\nv 0 1 0\nvn 0 0 1\nf 1//1 2/1 3 4\n"),
        ("g.obj", "v 0 0 0\nv 2 0 0\nv 2 1 0\nv 0 1 0\nf -4 -3 -2 -1\n"),
        ("h.txt", "# x y z\n0 0 0\n2 0 0\n\n2 1 0\n0 1 0\n"),
        ("i.csv", "0,0,0\n2,0,0\n2,1,0\n0,1,0\n"),
    ],
)
def test_text_files_give_their_corners(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    arrays = points.read(tmp_path / name)
    assert list(arrays) == ["points"]
    np.testing.assert_array_equal(arrays["points"], CORNERS)


def test_numpy_files_give_their_arrays(tmp_path):
    np.save(tmp_path / "a.npy", CORNERS)
    np.savez(tmp_path / "b.npz", points1=CORNERS, valid=np.ones(4, bool))
    np.testing.assert_array_equal(points.read(tmp_path / "a.npy")["points"], CORNERS)
    assert set(points.read(tmp_path / "b.npz")) == {"points1", "valid"}


@pytest.mark.parametrize("text", [OFF, PLY])
def test_points_are_drawn_evenly_from_the_surface_of_a_mesh(tmp_path, text):
    file = tmp_path / ("a.ply" if text == PLY else "a.off")
    file.write_text(text)
    found = points.read(file, count=4000, seed=1)["points"]
    assert found.shape == (4000, 3)
    assert (found >= 0).all() and (found <= [2, 1, 0]).all()
    np.testing.assert_allclose(found.mean(0), [1, 0.5, 0], atol=0.04)
    np.testing.assert_allclose(found.std(0), [2 / 12**0.5, 1 / 12**0.5, 0], atol=0.02)
    np.testing.assert_array_equal(found, points.read(file, count=4000, seed=1)["points"])


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.off", b""), ("a.off", b"OFF\n4 1 0\n0 0 0\n"), ("a.off", OFF[:-4].encode() + b"2 9\n"),
        ("a.off", b"solid\n"), ("a.ply", b""), ("a.ply", PLY[:-30].encode()),
        ("a.ply", PLY.replace("ascii", "binary_little_endian").encode()),
        ("a.ply", PLY.replace("ascii", "bin").encode()),
        ("a.ply", PLY.replace("4 0 1", "9 0 1").encode()),
        ("a.ply", PLY.replace("vertex_indices", "corners").encode()),
        ("a.stl", b""), ("a.stl", b"solid a\nvertex 0 0 0\nvertex 1 0 0\n"),
        ("a.off", OFF.replace("2 1 0", "2 1").encode()),
        ("a.ply", PLY.replace("vertex", "corner").encode()), ("a.npy", b""), ("a.npy", b"noise"),
        ("a.obj", b""), ("a.obj", b"v 0 0 0\nf 1 2 3\n"), ("a.obj", b"v 0 0\n"),
        ("a.txt", b""), ("a.txt", b"1 2\n3\n"), ("a.xyz", b"one two\n"),
        ("a.npz", b"PK noise"), ("a.npz", b""), ("a.json", b"{"), ("a.json", b'["a", "b"]'),
        ("a.json", b"[[1, 2], [3]]"), ("a.abc", b"1 2 3"), ("a.json", b"\xff\xfe"),
    ],
)
def test_broken_files_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: "):
        points.read(tmp_path / name)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_cut_off_archives_are_named(tmp_path, share):
    file = tmp_path / "a.npz"
    np.savez_compressed(file, points=np.random.default_rng(0).random([100, 3]))
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match="a.npz: "):
        points.read(file)


def test_pickles_are_not_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="a.npy: "):
        points.read(tmp_path / "a.npy")


def test_a_set_is_thinned_or_repeated_to_the_count_a_model_takes():
    many = np.arange(30.0).reshape(10, 3)
    thin = points.resampled(many, 4)
    assert len(thin) == 4 and len(np.unique(thin[:, 0])) == 4
    assert set(map(tuple, thin)) <= set(map(tuple, many))
    wide = points.resampled(many, 23)
    assert len(wide) == 23 and set(map(tuple, wide)) == set(map(tuple, many))
    with pytest.raises(ValueError, match="at least one point"):
        points.resampled(np.empty([0, 3]), 4)


PAIRS = {
    "points1": (np.dtype(np.float32), (1, 8, 2)),
    "points2": (np.dtype(np.float32), (1, 8, 2)),
    "valid": (np.dtype(bool), (1, 8)),
}


def test_correspondences_are_filled_up_with_slots_that_are_not_valid():
    rows = np.arange(12.0).reshape(3, 4)
    found, real = inputs.from_arrays({"points": rows}, PAIRS)
    assert real == 3
    np.testing.assert_array_equal(found["points1"][:3], rows[:, :2])
    np.testing.assert_array_equal(found["points2"][:3], rows[:, 2:])
    np.testing.assert_array_equal(found["valid"], [True] * 3 + [False] * 5)
    assert found["points1"].dtype == np.float32 and not found["points1"][3:].any()


@pytest.mark.parametrize(
    "arrays, text",
    [
        ({"points1": np.ones([3, 2])}, "Expected points2"),
        ({"points1": np.ones([3, 2]), "points2": np.ones([4, 2])}, "same number of rows"),
        ({"points1": np.ones([9, 2]), "points2": np.ones([9, 2])}, "at most 8"),
        ({"points1": np.ones(3), "points2": np.ones([3, 2])}, "2 dimensions"),
    ],
)
def test_correspondences_that_do_not_fit_are_refused(arrays, text):
    with pytest.raises(ValueError, match=text):
        inputs.from_arrays(arrays, PAIRS)


CARDED = {"points": (np.dtype(np.float32), (1, -1, 3))}


def test_further_numbers_of_points_are_left_out():
    rows = np.arange(30.0).reshape(5, 6)
    found, _ = inputs.from_arrays({"points": rows}, CARDED)
    np.testing.assert_array_equal(found["points"], rows[:, :3])
    found, _ = inputs.from_arrays({"points": rows}, {"points": (np.dtype(np.float32), (1, 8, 2))})
    assert found["points"].shape == (8, 2)
    with pytest.raises(ValueError, match="Expected points of 3 numbers. Received: 2"):
        inputs.from_arrays({"points": rows[:, :2]}, CARDED)


@pytest.mark.parametrize("number", ["nan", "inf", "-1e39"])
@pytest.mark.parametrize("name", ["a.txt", "a.npy", "a.npz", "a.json", "a.off", "a.ply"])
@pytest.mark.parametrize("count", [None, 50])
def test_a_point_that_is_not_finite_is_named(tmp_path, name, number, count):
    rows = np.concatenate([CORNERS[:2], [[2, float(number), 0]], CORNERS[3:]])
    file, text = tmp_path / name, f"2 {number} 0"
    {
        "a.txt": lambda: np.savetxt(file, rows), "a.npy": lambda: np.save(file, rows),
        "a.npz": lambda: np.savez(file, points=rows[None]),
        "a.json": lambda: file.write_text(json.dumps(rows.tolist())),
        "a.off": lambda: file.write_text(OFF.replace("2 1 0", text)),
        "a.ply": lambda: file.write_text(PLY.replace("1 2 0", text)),
    }[name]()
    with pytest.raises(ValueError, match=f"{name}: .*point 3: expected finite"):
        points.read(file, count=count)


def test_a_corner_that_no_face_uses_may_be_anything(tmp_path):
    text = OFF.replace("4 1 0", "5 1 0").replace("4 0 1", "nan 0 0\n4 0 1")
    (tmp_path / "a.off").write_text(text)
    assert np.isfinite(points.read(tmp_path / "a.off", count=9)["points"]).all()


@pytest.mark.parametrize("text, told", [
    ("1 2 3\n\n4 5\n", "line 3 has 2 numbers, the first 3"), ("1 2\n3 b\n", "line 2: .*'b'"),
])
def test_a_line_that_cannot_be_right_is_named(tmp_path, text, told):
    (tmp_path / "a.xyz").write_text(text)
    with pytest.raises(ValueError, match=f"a.xyz: cannot be read: {told}"):
        points.read(tmp_path / "a.xyz")
