"""tfvision.data.mnist: splits, faults, and the publisher's files."""

import gzip

import numpy as np
import pytest

from tfvision.data import mnist
from tfvision.data.files import DataError


def test_images_and_labels_have_the_shapes_that_are_promised(small_mnist):
    data = mnist.load(small_mnist)
    assert data["image"].dtype == np.uint8 and data["image"].shape == (24, 28, 28, 1)
    assert data["label"].dtype == np.int32 and data["label"].tolist() == [i % 10 for i in range(24)]


def test_fit_and_validation_make_up_train(small_mnist):
    train, fit, rest = (mnist.load(small_mnist, s) for s in ("train", "fit", "validation"))
    for name in train:
        np.testing.assert_array_equal(train[name], np.concatenate([fit[name], rest[name]]))


def test_unpacked_files_are_read_alike(small_mnist):
    packed = mnist.load(small_mnist, "test")
    for file in small_mnist.glob("*.gz"):
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    np.testing.assert_array_equal(packed["image"], mnist.load(small_mnist, "test")["image"])


def test_only_the_files_of_the_split_are_needed(small_mnist):
    for file in small_mnist.glob("train*"):
        file.unlink()
    assert len(mnist.load(small_mnist, "test")["label"]) == 12


def test_missing_files_are_named_with_folder_and_publisher(tmp_path):
    with pytest.raises(DataError) as error:
        mnist.load(tmp_path, download=False)
    for part in (str(tmp_path), "train-images-idx3-ubyte.gz", "train-labels", mnist.PUBLISHER):
        assert part in str(error.value)


def test_a_folder_named_by_the_user_must_exist(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        mnist.load(tmp_path / "mistyped")
    assert not (tmp_path / "mistyped").exists()


def test_an_unknown_split_is_refused(small_mnist):
    with pytest.raises(ValueError, match="Expected split in .*'tset'"):
        mnist.load(small_mnist, "tset")


def test_files_of_other_sizes_are_refused_by_name(small_mnist, idx_bytes):
    file = small_mnist / "t10k-labels-idx1-ubyte.gz"
    file.write_bytes(idx_bytes(np.zeros(11, np.uint8)))
    with pytest.raises(DataError, match=f"{file}: holds 11 labels, expected 12"):
        mnist.load(small_mnist, "test")
    file.write_bytes(idx_bytes(np.full(12, 10, np.uint8)))
    with pytest.raises(DataError, match=f"{file}: label 10 at row 0"):
        mnist.load(small_mnist, "test")
    file = small_mnist / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(idx_bytes(np.zeros([12, 1, 1], np.uint8)))
    with pytest.raises(DataError, match=f"{file}: holds images"):
        mnist.load(small_mnist, "test")


def test_labels_in_place_of_images_are_told(small_mnist):
    images, labels = (small_mnist / f"t10k-{k}-ubyte.gz" for k in ("images-idx3", "labels-idx1"))
    images.write_bytes(labels.read_bytes())
    with pytest.raises(DataError, match="expected magic number 2051, found 2049"):
        mnist.load(small_mnist, "test")


def test_check_names_every_file_that_is_not_the_publishers(small_mnist):
    (small_mnist / "t10k-labels-idx1-ubyte.gz").unlink()
    faults = list(mnist.check(small_mnist))
    assert len(faults) == 4 and sum("its md5 is" in fault for fault in faults) == 3
    assert "t10k-labels-idx1-ubyte.gz: missing" in faults[3]


@pytest.mark.data
def test_the_publishers_files_are_clean(data_root):
    assert list(mnist.check(data_root / "mnist")) == []


@pytest.mark.data
def test_the_publishers_digits_are_as_published(data_root):
    test, validation = (mnist.load(data_root / "mnist", s) for s in ("test", "validation"))
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(test["label"]).tolist() == counts
    assert test["label"][:8].tolist() == [7, 2, 1, 0, 4, 1, 4, 9]
    assert len(validation["label"]) == 5000
    centre = (test["image"][..., 0] * np.arange(28)).sum((1, 2)) / test["image"].sum((1, 2, 3))
    assert abs(centre.mean() - 14) < 0.2, "digits are centred by their mass"
