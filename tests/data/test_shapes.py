"""data.shapes, modelnet, psb_watertight, shapenet_aligned: which file belongs where."""

import numpy as np
import pytest

from tfvision.data import modelnet, psb_watertight, shapenet_aligned, shapes
from tfvision.data.files import DataError

OFF = "OFF\n4 2 0\n0 0 0\n2 0 0\n2 {} 0\n0 {} 0\n3 0 1 2\n3 0 2 3\n"


def write(file, height=1):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(OFF.format(height, height))


def heights(found):
    """Which mesh each row shows: height over width of its rectangle."""
    size = np.ptp(found["points"], axis=1)
    return np.round(2 * size[:, 1] / size[:, 0], 1).tolist()


@pytest.fixture
def plain(tmp_path):
    """Classes without split folders: meshes 1 to 9 of each."""
    for name in ("b", "a"):
        for i in range(1, 10):
            write(tmp_path / name / f"{i}.off", i)
    return tmp_path


@pytest.fixture
def parted(tmp_path):
    """ModelNet's layout."""
    for name in ("sofa", "bed"):
        for i in range(1, 6):
            write(tmp_path / name / "train" / f"{i}.off", i)
        write(tmp_path / name / "test" / "7.off", 7)
    return tmp_path


def test_splits_of_plain_folders_are_disjoint_and_complete(plain):
    sizes = {split: shapes.load(plain, split, count=400) for split in shapes.SPLITS}
    assert shapes.names(plain) == ["a", "b"]
    assert heights(sizes["test"]) == pytest.approx([5, 5], abs=0.3)
    counts = {split: len(found["label"]) for split, found in sizes.items()}
    assert counts == {"train": 16, "test": 2, "fit": 12, "validation": 4}
    np.testing.assert_array_equal(sizes["train"]["label"], np.repeat([0, 1], 8))
    assert sizes["train"]["points"].shape == (16, 400, 3)


@pytest.mark.parametrize("count, fit, held_out", [(1, [1], [1]), (2, [1], [2]), (3, [1, 2], [3]),
                                                  (5, [1, 2, 3, 5], [4])])
def test_of_few_files_the_last_is_for_validation(count, fit, held_out):
    train = list(range(1, count + 1))
    found = [shapes.part_of(train, split) for split in ("train", "fit", "validation")]
    assert found == [train, fit, held_out]
    assert shapes.part_of([], "fit") == shapes.part_of([], "validation") == []


@pytest.mark.parametrize("reader", [shapes, modelnet])
def test_modelnet_s_folders_are_its_splits(parted, reader):
    assert heights(reader.load(parted, "test", count=400)) == pytest.approx([7, 7], abs=0.4)
    train = reader.load(parted, "train", count=50)
    assert train["label"].tolist() == [0] * 5 + [1] * 5
    assert len(reader.load(parted, "validation", count=5)["label"]) == 2
    assert list(reader.check(parted)) == []


def test_a_broken_mesh_is_named_by_load_and_by_check(parted):
    (parted / "bed" / "train" / "3.off").write_text("OFF\n")
    with pytest.raises(DataError, match="3.off"):
        shapes.load(parted, "train", count=5)
    assert [("3.off" in fault) for fault in shapes.check(parted)] == [True]


def test_one_class_is_not_enough(tmp_path):
    write(tmp_path / "a" / "1.off")
    with pytest.raises(DataError, match="at least 2 classes"):
        shapes.load(tmp_path)


def test_the_mesh_benchmark_is_read_by_its_list(tmp_path):
    rows = ["file,category,split,faces"]
    for category in ("human", "cup"):
        for i in range(1, 6):
            write(tmp_path / category / f"{i}.off", i)
            rows.append(f"{category}/{i}.off,{category},{'test' if i == 5 else 'train'},2")
    (tmp_path / "split.csv").write_text("\n".join(rows))
    test = psb_watertight.load(tmp_path, "test", count=400)
    assert heights(test) == pytest.approx([5, 5], abs=0.3) and test["label"].tolist() == [0, 1]
    load = psb_watertight.load
    counts = [len(load(tmp_path, split, count=5)["label"]) for split in psb_watertight.SPLITS]
    assert counts == [8, 2, 6, 2] and list(psb_watertight.check(tmp_path)) == []
    held_out = load(tmp_path, "validation", count=400)
    assert heights(held_out) == pytest.approx([4, 4], abs=0.3)  # The last ones before the test's.


@pytest.mark.parametrize("row", ["cup/1.off,bowl,test", "cup/1.off,cup,validation", "cup/1.off",
                                 "no/such.off,cup,train"])
def test_a_list_that_cannot_be_right_is_refused(tmp_path, row):
    write(tmp_path / "cup" / "1.off")
    (tmp_path / "split.csv").write_text(f"file,category,split\n{row}\n")
    with pytest.raises(DataError, match="split.csv|such.off"):
        psb_watertight.load(tmp_path, "train", count=5)


def test_aligned_shapes_are_turned_so_that_z_is_up(tmp_path):
    for name in ("chair", "cup"):
        for i in range(3):
            file = tmp_path / name / f"{i}.obj"
            file.parent.mkdir(exist_ok=True)
            file.write_text("v 0 0 0\nv 1 0 0\nv 0 5 0\nv 0 0 2\nf 1 2 3\nf 1 2 4\nf 1 3 4\n")
    found = shapenet_aligned.load(tmp_path, "train", count=3000)
    assert found["label"].tolist() == [0, 0, 1, 1]
    assert np.ptp(found["points"][0], axis=0).argmax() == 2
    assert len(shapenet_aligned.load(tmp_path, "test", count=5)["label"]) == 2


@pytest.mark.data
def test_the_published_meshes_are_read(data_root):
    found = psb_watertight.load(data_root / "psb_watertight", "test", count=64)
    assert found["points"].shape == (76, 64, 3)
    np.testing.assert_array_equal(np.bincount(found["label"]), [4] * 19)
    found = shapenet_aligned.load(data_root / "shapenet_aligned", "train", count=64)
    assert set(found["label"]) == set(range(10)) and np.isfinite(found["points"]).all()


def test_splits_above_the_classes_are_no_classes(tmp_path):
    for split in ("train", "test"):
        write(tmp_path / split / "chair" / "1.off")
    with pytest.raises(DataError, match="found .'test', 'train'. above the classes. Move train/"):
        shapes.names(tmp_path)
