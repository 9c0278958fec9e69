"""COCO's JSON: what it says is read, and whatever can be wrong with it is told."""

import json

import cv2
import numpy as np
import pytest

from tfvision.data import coco, coco_tiny
from tfvision.data.files import DataError

SIZE = (40, 60)  # (h, w)


def annotation(number, image, box, category=7, **fields):
    return {"id": number, "image_id": image, "category_id": category, "bbox": box} | fields


def write_images(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.full([*SIZE, 3], 90, np.uint8))


def content(images, annotations):
    rows = [{"id": i, "file_name": name, "height": SIZE[0], "width": SIZE[1]} for i, name in images]
    categories = [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}]
    return {"images": rows, "annotations": annotations, "categories": categories}


@pytest.fixture
def folder(tmp_path):
    """Two training images and one for validation, as COCO packs them."""
    outline = [[10, 10, 20, 10, 20, 30, 10, 30]]
    crowd = {"size": list(SIZE), "counts": [0, 400, 2000]}
    rows = [
        annotation(1, 5, [10, 10, 10, 20], segmentation=outline, area=200.0, iscrowd=0),
        annotation(2, 5, [0, 0, 10, 40], 3, segmentation=crowd, area=400, iscrowd=1),
    ]
    write_images(tmp_path / "train2017", ["a.jpg", "b.jpg"])
    write_images(tmp_path / "val2017", ["c.jpg"])
    (tmp_path / "annotations").mkdir()
    write(tmp_path, content([(5, "a.jpg"), (6, "b.jpg")], rows))
    write(tmp_path, content([(9, "c.jpg")], [annotation(1, 9, [1, 1, 2, 2])]), "val2017")
    return tmp_path


def write(folder, data, split="train2017"):
    text = data if isinstance(data, str) else json.dumps(data)
    (folder / "annotations" / f"instances_{split}.json").write_text(text)


def test_what_the_file_says_is_what_is_read(folder, capsys):
    train = coco.load(folder, "train")
    assert train.classes == ("dog", "cat") and train.category_ids == (3, 7), "by id"
    first, second = train
    assert (first.name, first.number, first.size) == ("a", 5, SIZE) and len(second.boxes) == 0
    assert first.boxes.tolist() == [[10, 10, 20, 30], [0, 0, 10, 40]]
    assert first.classes.tolist() == [1, 0] and first.crowd.tolist() == [False, True]
    masks = first.bitmaps()
    assert masks[0, 10:30, 10:20].all() and masks.sum((1, 2)).tolist() == [200, 400]
    assert masks[1, :, :10].all(), "run lengths go down the columns"
    assert len(coco.load(folder, "validation")) == 1 and capsys.readouterr().err == ""


FAULTY = [
    (annotation(3, 5, [4, 4, 0, 5]), "annotation 3: box (4, 4, 4, 9) has no width or no height"),
    (annotation(3, 5, [70, 4, 5, 5]), "annotation 3: box (70, 4, 75, 9) lies outside the image"),
    (annotation(3, 5, [50, 4, 50, 5]), "annotation 3: box (50, 4, 100, 9) reaches 40 px beyond"),
    (annotation(3, 5, [1, 2, 3]), "annotation 3: expected a bbox [x, y, width, height]"),
    (annotation(3, 5, [1, 2, 3, "4"]), "annotation 3: expected a bbox"),
    (annotation(3, 5, [1, 2, 3, float("nan")]), "annotation 3: expected a bbox"),
    (annotation(3, 5, [1, 2, 3, 4], 8), "annotation 3: unknown category 8"),
    (annotation(3, 77, [1, 2, 3, 4]), "annotation 3: there is no image 77"),
    (annotation(1, 5, [1, 2, 3, 4]), "annotation 1: the id comes twice"),
    (annotation(3, 5, [10, 10, 10, 20]), "is the box of"),
    (annotation(3, 5, [1, 2, 3, 4], segmentation=[[1, 2, 3, 4]]), "3: expected outlines"),
    (annotation(3, 5, [1, 2, 3, 4], segmentation=[[1, 2, 3, 4, 5, 6, 7]]), "expected outlines"),
    (annotation(3, 5, [1, 2, 3, 4], segmentation={"size": [4, 4], "counts": [16]}),
     "annotation 3: a run-length mask that is not of 40 x 60"),
    (annotation(3, 5, [1, 2, 3, 4], segmentation={"size": list(SIZE), "counts": "~~~~"}),
     "annotation 3: a run-length mask"),
    ({"id": 3}, "annotation 3: there is no image None"),
    ({"id": [3], "image_id": [5], "bbox": {}}, "annotation [3]: there is no image [5]"),
]


@pytest.mark.parametrize("row, told", FAULTY)
def test_an_annotation_at_fault_is_told_and_left_out_or_refused(folder, row, told, capsys):
    data = json.loads((folder / "annotations" / "instances_train2017.json").read_text())
    write(folder, data | {"annotations": [*data["annotations"], row]})
    assert any(told in fault for fault in coco.check(folder))
    objects = coco.load(folder, "train")
    assert "1 fault left out" in capsys.readouterr().err and told in objects.faults[0]
    for box in objects[0].boxes:
        assert 0 <= box[0] < box[2] <= 60 and 0 <= box[1] < box[3] <= 40
    with pytest.raises(DataError, match="instances_train2017.json: annotation"):
        coco.load(folder, "train", bad_boxes="refuse")


def test_images_that_are_missing_cut_off_small_or_listed_twice_are_told(folder):
    write_images(folder / "train2017", ["cut.jpg", "small.jpg"])
    cut = folder / "train2017" / "cut.jpg"
    cut.write_bytes(cut.read_bytes()[:200])
    cv2.imwrite(str(folder / "train2017" / "small.jpg"), np.zeros([1, 1, 3], np.uint8))
    names = ["a.jpg", "gone.jpg", "cut.jpg", "small.jpg", "a.jpg"]
    data = content(list(enumerate(names)), [])
    data["images"] += [{"id": 0, "file_name": "x.jpg"}, {"id": "1"}, {"id": 8, "file_name": ".."}]
    write(folder, data)
    faults = "\n".join(coco.check(folder))
    for told in ("train2017/gone.jpg: cannot be read", "cut.jpg: is cut off",
                 "small.jpg: is 1 x 1 px, but its annotation says 60 x 40",
                 "image 4: a.jpg is image 0, too", "image 0: the id is that of a.jpg, too",
                 "image '1': expected a whole number id and a file_name", "image 8: expected"):
        assert told in faults
    assert [one.name for one in coco.load(folder, "train")] == ["a"]


@pytest.mark.parametrize("text, told", [
    ("{", "no JSON"), ("[]", "expected a list of objects 'images'"), ("", "no JSON"),
    ('{"images": [1]}', "expected a list of objects 'images'"), ("[" * 100_000, "no JSON"),
    ('{"images": [], "annotations": [], "categories": [{"id": "1"}]}', "expected a whole number"),
    ('{"images": [], "annotations": [], "categories": []}', "categories with different ids"),
])
def test_a_file_that_is_not_coco_is_refused_by_name(folder, text, told):
    write(folder, text)
    with pytest.raises(DataError, match=f"instances_train2017.json.*{told}"):
        coco.load(folder, "train")
    assert any(told in fault for fault in coco.check(folder))


def test_a_1_by_1_image_with_its_box_is_no_fault(tmp_path):
    cv2.imwrite(str(tmp_path / "dot.png"), np.zeros([1, 1, 3], np.uint8))
    data = content([(1, "dot.png")], [annotation(1, 1, [0, 0, 1, 1])])
    data["images"][0] |= {"height": 1, "width": 1}
    (tmp_path / "one.json").write_text(json.dumps(data))
    assert coco.load(tmp_path)[0].boxes.tolist() == [[0, 0, 1, 1]]
    assert list(coco.check(tmp_path)) == []


def test_folders_as_other_programs_export_them(tmp_path):
    for word in ("train", "valid"):
        write_images(tmp_path / word, [f"{word}.jpg"])
        data = content([(1, f"{word}.jpg")], [annotation(1, 1, [1, 1, 5, 5])])
        (tmp_path / word / "_annotations.coco.json").write_text(json.dumps(data))
    for split, word in (("train", "train"), ("validation", "valid")):
        assert [one.name for one in coco.load(tmp_path, split)] == [word]


def test_one_file_for_all_is_split_at_every_fifth_name(tmp_path):
    names = [f"{i:02}.jpg" for i in range(11)]
    write_images(tmp_path / "images", names)
    data = content(list(enumerate(names[::-1])), [])
    (tmp_path / "annotations.json").write_text(json.dumps(data))
    assert [one.name for one in coco.load(tmp_path, "validation")] == ["04", "09"]
    assert len(coco.load(tmp_path, "train")) == 9


def test_two_files_that_could_be_the_split_are_not_guessed_between(folder):
    write(folder, content([], []), "train2014")
    with pytest.raises(DataError, match="both instances_train2014.json and instances_train2017"):
        coco.load(folder, "train")


@pytest.mark.data
def test_coco_tiny_holds_what_its_page_says(data_root):
    pytest.importorskip("pycocotools")
    for split, images, objects, crowds in (("train", 32, 284, 5), ("validation", 30, 226, 3)):
        found = coco_tiny.load(data_root / "coco_tiny", split)
        assert len(found) == images and len(found.classes) == 80 and not found.faults
        assert sum(len(one.boxes) for one in found) == objects
        assert sum(int(one.crowd.sum()) for one in found) == crowds
        differences = []
        for one in found:
            for mask, box in zip(one.bitmaps(), one.boxes, strict=True):
                rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
                if len(rows):
                    tight = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
                    differences.append(np.abs(tight - box).max())
        assert np.median(differences) < 1 and np.percentile(differences, 95) < 3, "but for tips"
    assert list(coco_tiny.check(data_root / "coco_tiny")) == []
