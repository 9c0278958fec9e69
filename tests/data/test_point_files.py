"""data.modelnet_hdf5, indoor3d and shapenet_parts: small sets as published, and broken ones."""

import json

import h5py
import numpy as np
import pytest

from tfvision.data import indoor3d, modelnet_hdf5, shapenet_parts
from tfvision.data.files import DataError
from tfvision.data.surfaces import unit_sphere

RANDOM = np.random.default_rng(0)


def write_h5(file, **arrays):
    with h5py.File(file, "w") as opened:
        for name, values in arrays.items():
            opened[name] = values


@pytest.fixture
def models(tmp_path):
    (tmp_path / "shape_names.txt").write_text("bed\nsofa\n")
    for split, count in (("train", 8), ("test", 3)):
        lines = []
        for part in range(2):
            data = RANDOM.uniform(-1, 1, [count, 2048, 3]).astype(np.float32)
            label = (np.arange(count) % 2).astype(np.uint8)[:, None]
            write_h5(tmp_path / f"ply_data_{split}{part}.h5", data=data, label=label)
            lines.append(f"data/modelnet40_ply_hdf5_2048/ply_data_{split}{part}.h5")
        (tmp_path / f"{split}_files.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_hdf5_models_are_read_and_split(models):
    counts = {s: len(modelnet_hdf5.load(models, s)["label"]) for s in modelnet_hdf5.SPLITS}
    assert counts == {"train": 16, "test": 6, "fit": 12, "validation": 4}
    with h5py.File(models / "ply_data_test0.h5") as opened:
        x, y, z = np.moveaxis(opened["data"][:], -1, 0)
    found = modelnet_hdf5.load(models, "test")
    expected = [unit_sphere(points) for points in np.stack([x, -z, y], -1)]
    np.testing.assert_array_equal(found["points"][:3], expected)
    assert found["label"].dtype == np.int32 and modelnet_hdf5.names(models) == ["bed", "sofa"]
    assert list(modelnet_hdf5.check(models)) == []


@pytest.mark.parametrize("arrays", [
    {"data": np.zeros([2, 9, 3])}, {"data": np.zeros([2, 9, 2]), "label": np.zeros([2, 1], int)},
    {"data": np.zeros([2, 9, 3]), "label": np.zeros([3, 1], int)},
    {"data": np.zeros([0, 9, 3]), "label": np.zeros([0, 1], int)},
    {"data": np.full([2, 9, 3], np.nan), "label": np.zeros([2, 1], int)},
    {"data": np.zeros([2, 9, 3]), "label": np.full([2, 1], b"x")},
])
def test_other_arrays_are_refused_by_file(models, arrays):
    write_h5(models / "ply_data_train1.h5", **arrays)
    with pytest.raises(DataError, match="ply_data_train1.h5"):
        modelnet_hdf5.load(models, "train")
    assert len(list(modelnet_hdf5.check(models))) == 1


@pytest.mark.parametrize("content", [b"", b"no hdf5", None])
def test_a_broken_or_missing_file_is_named(models, content):
    file = models / "ply_data_test0.h5"
    content = file.read_bytes()[:900] if content is None else content
    file.write_bytes(content)
    with pytest.raises(DataError, match="ply_data_test0.h5"):
        modelnet_hdf5.load(models, "test")
    file.unlink()
    with pytest.raises(DataError, match="ply_data_test0.h5: missing"):
        modelnet_hdf5.load(models, "test")


def test_rooms_are_split_by_area(tmp_path):
    rooms = ["Area_1_office_1", "Area_5_hall_1", "Area_6_lobby_1", "Area_5_hall_1"]
    (tmp_path / "room_filelist.txt").write_text("\n".join(rooms) + "\n")
    (tmp_path / "all_files.txt").write_text("indoor3d_sem_seg_hdf5_data/ply_data_all_0.h5\n")
    data, label = RANDOM.random([4, 64, 9]), RANDOM.integers(0, 13, [4, 64])
    write_h5(tmp_path / "ply_data_all_0.h5", data=data, label=label)
    found = indoor3d.load(tmp_path, "test")
    np.testing.assert_array_equal(found["part"], label[[1, 3]])
    np.testing.assert_allclose(found["points"], data[[1, 3]], rtol=1e-6)
    assert [len(indoor3d.load(tmp_path, s)["part"]) for s in indoor3d.SPLITS] == [2, 2, 1, 1]
    assert list(indoor3d.check(tmp_path)) == []
    write_h5(tmp_path / "ply_data_all_0.h5", data=data, label=label + 13)
    with pytest.raises(DataError, match="ply_data_all_0.h5"):
        indoor3d.load(tmp_path, "test")


@pytest.fixture
def annotated(tmp_path):
    (tmp_path / "synsetoffset2category.txt").write_text("Bag\t02773838\nCap\t02954340\n")
    (tmp_path / "train_test_split").mkdir()
    for i, name in enumerate(("train", "val", "test")):
        words = []
        for k, folder in enumerate(("02773838", "02954340")):
            (tmp_path / folder).mkdir(exist_ok=True)
            rows = np.concatenate([RANDOM.random([40 + i, 6]),
                                   2 * k + RANDOM.integers(0, 2, [40 + i, 1])], 1)
            np.savetxt(tmp_path / folder / f"{name}.txt", rows, fmt="%.6f")
            words.append(f"shape_data/{folder}/{name}")
        list_file = tmp_path / "train_test_split" / f"shuffled_{name}_file_list.json"
        list_file.write_text(json.dumps(words))
    return tmp_path


def test_annotated_parts_are_read_by_their_lists(annotated):
    found = shapenet_parts.load(annotated, "train", count=64)
    assert found["points"].shape == (4, 64, 3) and found["part"].shape == (4, 64)
    assert found["label"].tolist() == [0, 1, 0, 1] and shapenet_parts.names(annotated)[1] == "Cap"
    known = shapenet_parts.parts(found, 2)
    np.testing.assert_array_equal(known, [[1, 1, 0, 0], [0, 0, 1, 1]])
    assert list(shapenet_parts.check(annotated)) == []


def test_a_point_keeps_its_part(annotated):
    file = annotated / "02773838" / "test.txt"
    rows = np.loadtxt(file)
    rows[:, 6] = rows[:, 0] > 0.5
    np.savetxt(file, rows, fmt="%.6f")
    found = shapenet_parts.load(annotated, "test", count=100)
    x, part = found["points"][0, :, 0], found["part"][0]
    assert x[part == 0].max() < x[part == 1].min()


@pytest.mark.parametrize("text", ["", "1 2 3\n", "1 2 3 0 0 1 0.5\n", "1 2 3 0 0 1 -1\n"])
def test_a_broken_object_is_named(annotated, text):
    (annotated / "02773838" / "val.txt").write_text(text)
    with pytest.raises(DataError, match="val.txt"):
        shapenet_parts.load(annotated, "validation")
    assert ["val.txt" in fault for fault in shapenet_parts.check(annotated)] == [True]


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '["shape_data/0/a"]', "[]"])
def test_a_broken_list_is_named(annotated, text):
    (annotated / "train_test_split" / "shuffled_val_file_list.json").write_text(text)
    with pytest.raises(DataError, match="shuffled_val_file_list.json"):
        shapenet_parts.load(annotated, "validation")
