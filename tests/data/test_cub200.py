"""tfvision.data.cub200: a small folder as published, and every way in which it can be wrong."""

import cv2
import numpy as np
import pytest

from tfvision.data import cub200
from tfvision.data.files import DataError

SPECIES = ("001.Laysan_Albatross", "002.Sooty_Albatross", "003.Groove_billed_Ani")


@pytest.fixture
def root(tmp_path):
    """24 images of 3 species; the red of each is its number, every third is for the test."""
    lines = {name: [] for name in ("images", "image_class_labels", "train_test_split",
                                   "bounding_boxes")}
    for number in range(1, 25):
        species = (number - 1) // 8
        file = tmp_path / "images" / SPECIES[species] / f"Bird {number}.jpg".replace(" ", "_")
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), np.full([30 + number, 60, 3], (0, 0, 10 * number), np.uint8))
        lines["images"].append(f"{number} {SPECIES[species]}/{file.name}")
        lines["image_class_labels"].append(f"{number} {species + 1}")
        lines["train_test_split"].append(f"{number} {int(number % 3 > 0)}")
        lines["bounding_boxes"].append(f"{number} 15.0 {number}.0 30.0 10.0")
    lines["classes"] = [f"{i} {name}" for i, name in enumerate(SPECIES, 1)]
    for name, rows in lines.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(rows) + "\n")
    return tmp_path


def numbers(data):
    return np.round(data["image"][:, 4, 4, 0] / 10).astype(int).tolist()


def test_splits_are_the_publisher_s_and_training_images_are_held_out_of_it(root):
    found = {split: cub200.load(root, split, size=8) for split in cub200.SPLITS}
    assert numbers(found["test"]) == list(range(3, 25, 3))
    assert numbers(found["train"]) == [i for i in range(1, 25) if i % 3]
    assert numbers(found["validation"]) == [14]  # The tenth of train.
    assert sorted(numbers(found["fit"]) + [14]) == numbers(found["train"])
    train = found["train"]
    assert train["image"].shape == (16, 8, 8, 3) and train["label"].dtype == np.int32
    np.testing.assert_array_equal(train["label"], (np.array(numbers(train)) - 1) // 8)
    assert cub200.names(root) == list(SPECIES)


def test_boxes_are_those_of_the_resized_image(root):
    box = cub200.load(root, "train", size=16)["box"]
    np.testing.assert_allclose(box[0], [4, 16 / 31, 12, 11 * 16 / 31], rtol=1e-5)


FAULTS = {
    "images.txt: line 3: expected a number": lambda r: edit(r / "images.txt", 3, "3"),
    "images.txt: line 3: the number 2 comes twice": lambda r: edit(r / "images.txt", 3, "2 a.jpg"),
    "image_class_labels.txt: expected whole numbers 1..3, got '9'": lambda r: edit(
        r / "image_class_labels.txt", 3, "3 9"
    ),
    "train_test_split.txt: expected whole numbers 0..1, got 'x'": lambda r: edit(
        r / "train_test_split.txt", 4, "4 x"
    ),
    "bounding_boxes.txt: image 3: expected a width": lambda r: edit(
        r / "bounding_boxes.txt", 3, "3 1 1 0 5"
    ),
    "bounding_boxes.txt: image 3: expected 4 numbers": lambda r: edit(
        r / "bounding_boxes.txt", 3, "3 1 1 a 5"
    ),
    "bounding_boxes.txt: image 24 is in it or in images.txt alone": lambda r: edit(
        r / "bounding_boxes.txt", 24, None
    ),
    "classes.txt: cannot be read": lambda r: (r / "classes.txt").unlink(),
    "classes.txt: expected the numbers 1, 2": lambda r: edit(r / "classes.txt", 2, "7 x"),
    "images.txt: is empty": lambda r: (r / "images.txt").write_text(""),
    "Bird_4.jpg: cannot be read": lambda r: (r / "images" / SPECIES[0] / "Bird_4.jpg").unlink(),
    "Bird_4.jpg: no image": lambda r: (r / "images" / SPECIES[0] / "Bird_4.jpg").write_text("x"),
}


def edit(file, line, text):
    rows = file.read_text().splitlines()
    rows[line - 1 : line] = [] if text is None else [text]
    file.write_text("\n".join(rows))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_its_file(root, fault):
    FAULTS[fault](root)
    with pytest.raises(DataError, match=fault.replace("(", r"\(")) as error:
        cub200.load(root, "train", size=8)
    assert str(root) in str(error.value) and "\n" not in str(error.value)


def test_check_tells_every_damaged_picture_and_that_the_set_is_not_whole(root):
    for number in (4, 5):
        (root / "images" / SPECIES[0] / f"Bird_{number}.jpg").write_bytes(b"")
    faults = list(cub200.check(root))
    assert len(faults) == 3 and "24 images of 3 species, expected 11788 of 200" in faults[0]
    assert "Bird_4.jpg" in faults[1] and "Bird_5.jpg" in faults[2]


def test_a_size_that_is_none_is_refused(root):
    with pytest.raises(ValueError, match="Received: size=0"):
        cub200.load(root, size=0)
