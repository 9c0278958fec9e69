"""Pascal VOC's XML, its lists and its faults; the blood cells are read by the same reader."""

import re

import cv2
import numpy as np
import pytest

from tfvision.data import bccd, voc
from tfvision.data.files import DataError
from tfvision.data.xml_lines import read_xml

SIZE = (48, 64)


def xml(objects, *, name="a.jpg", size=SIZE):
    rows = "".join(
        f"\n<object><name>{label}</name><difficult>{hard}</difficult>\n<bndbox>"
        + "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), box,
                                                    strict=True))
        + "</bndbox><part><name>head</name></part></object>"
        for label, box, hard in objects
    )
    return (f"<annotation><filename>{name}</filename><size><width>{size[1]}</width>"
            f"<height>{size[0]}</height></size>{rows}</annotation>")


@pytest.fixture
def folder(tmp_path):
    """Six images, four of them listed for training, two for validation."""
    for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (tmp_path / part).mkdir(parents=True)
    for i in range(6):
        cv2.imwrite(str(tmp_path / "JPEGImages" / f"{i}.jpg"), np.full([*SIZE, 3], i, np.uint8))
        objects = [("dog", (1, 1, 10, 20), 0), ("cat", (11, 2, 64, 48), i % 2)]
        (tmp_path / "Annotations" / f"{i}.xml").write_text(xml(objects, name=f"{i}.jpg"))
    (tmp_path / "ImageSets/Main/train.txt").write_text("0\n1 1\n2 -1\n3\n")
    (tmp_path / "ImageSets/Main/val.txt").write_text("4\n5\n")
    return tmp_path


def test_what_the_files_say_is_what_is_read(folder, capsys):
    train = voc.load(folder, "train")
    assert train.classes == voc.VOC20 and [one.name for one in train] == ["0", "1", "2", "3"]
    one = train[1]
    assert one.boxes.tolist() == [[0, 0, 10, 20], [10, 1, 64, 48]], "VOC counts from 1"
    assert [train.classes[i] for i in one.classes] == ["dog", "cat"]
    assert one.difficult.tolist() == [False, True] and one.size == SIZE and one.masks is None
    assert len(voc.load(folder, "validation")) == 2 and capsys.readouterr().err == ""


def test_other_splits_are_files(folder):
    (folder / "ImageSets/Main/test.txt").write_text("5\n")
    assert [one.name for one in voc.load(folder, "test")] == ["5"]
    with pytest.raises(ValueError, match="Expected split in .*Received: split='tset'"):
        voc.load(folder, "tset")


def test_names_that_are_not_voc_s_make_their_own_classes_and_a_list_wins(folder):
    objects = [("zebra", (1, 1, 9, 9), 0), ("dog", (11, 2, 60, 40), 0)]
    (folder / "Annotations/0.xml").write_text(xml(objects, name="0.jpg"))
    assert voc.load(folder, "train").classes == ("cat", "dog", "zebra")
    (folder / "classes.txt").write_text("zebra\ncat\n\n")
    train = voc.load(folder, "train")
    assert train.classes == ("zebra", "cat")
    assert "unknown class 'dog'" in train.faults[0] and len(train[0].boxes) == 1


def test_without_lists_every_fifth_file_is_for_validation(folder):
    for file in (folder / "ImageSets/Main").iterdir():
        file.unlink()
    assert [one.name for one in voc.load(folder, "validation")] == ["4"]
    assert len(voc.load(folder, "train")) == 5


def test_xml_beside_the_images_and_a_folder_above_are_found(folder, tmp_path_factory):
    flat = tmp_path_factory.mktemp("flat")
    for file in [*(folder / "Annotations").iterdir(), *(folder / "JPEGImages").iterdir()]:
        (flat / file.name).write_bytes(file.read_bytes())
    assert len(voc.load(flat, "train")) == 5
    above = tmp_path_factory.mktemp("above")
    (above / "VOCdevkit").mkdir()
    folder.rename(above / "VOCdevkit" / "VOC2007")
    assert len(voc.load(above, "train")) == 4


FAULTY = [
    (xml([("dog", (5, 5, 5, 5), 0)]), r"0.xml: line 3: box \(5, 5, 5, 5\) has no width"),
    (xml([("dog", (9, 5, 5, 9), 0)]), r"0.xml: line 3: box \(9, 5, 5, 9\) has no width"),
    (xml([("dog", (70, 5, 75, 9), 0)]), "0.xml: line 3: box .* lies outside the image"),
    (xml([("dog", (5, 5, 99, 9), 0)]), "0.xml: line 3: box .* reaches 35 px beyond"),
    (xml([("dog", (1, 1, "x", 9), 0)]), "0.xml: line 2: expected a bndbox"),
    (xml([("dog", (1, 1, "nan", 9), 0)]), "0.xml: line 3: box .* has no width"),
    (xml([]).replace("</annotation>", "<object/></annotation>"), "line 1: unknown class None"),
    (xml([("dog", (1, 1, 9, 9), 0)] * 2), "0.xml: line 5: box .* is the box of .*line 3 once more"),
    (xml([], size=(64, 48)), "0.jpg: is 64 x 48 px, but its annotation says 48 x 64"),
    ("<annotation><object></annotation>", "0.xml: line 1: no XML"),
    ("", "0.xml: line 1: no XML"),
    ("plain text", "0.xml: line 1: no XML"),
    (xml([], name="gone.jpg"), None),
]


@pytest.mark.parametrize("text, told", FAULTY)
def test_a_fault_is_told_with_file_and_line_and_left_out_or_refused(folder, text, told):
    (folder / "Annotations/0.xml").write_text(text)
    if told is None:  # The image is found by the XML file's own name.
        assert len(voc.load(folder, "train", bad_boxes="refuse")) == 4
        return
    faults = list(voc.check(folder))
    assert any(re.search(told, fault) for fault in faults), faults
    train = voc.load(folder, "train")
    assert len(train.faults) == 1 and re.search(told, train.faults[0])
    with pytest.raises(DataError, match=told):
        voc.load(folder, "train", bad_boxes="refuse")


def test_entities_that_explode_are_refused(folder):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    for i in range(12):
        bomb += f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">'
    (folder / "Annotations/0.xml").write_text(bomb + "]><annotation>&m;</annotation>")
    assert any("0.xml: line 1: no XML" in fault for fault in voc.check(folder))


def test_images_and_annotations_that_are_missing_or_cut_are_told(folder):
    (folder / "JPEGImages/0.jpg").unlink()
    (folder / "Annotations/1.xml").unlink()
    cut = folder / "JPEGImages/2.jpg"
    cut.write_bytes(cut.read_bytes()[:300])
    (folder / "ImageSets/Main/train.txt").write_text("0\n1\n2\n3\n3\n")
    faults = "\n".join(voc.check(folder))
    for told in ("0.xml: there is no image 0.jpg", "train.txt: line 2: 1 has no",
                 "2.jpg: is cut off", "train.txt: line 5: 3 is there twice"):
        assert told in faults
    assert [one.name for one in voc.load(folder, "train")] == ["3"]


def test_an_element_knows_its_line_text_and_children(tmp_path):
    file = tmp_path / "a.xml"
    file.write_text("<a>\n <b> one &amp;\n two </b>\n <c/><b/>\n</a>")
    tree = read_xml(file)
    assert (tree.name, tree.line) == ("a", 1) and [b.line for b in tree.all("b")] == [2, 4]
    assert tree.child("b").text == "one &\n two" and tree.child("d") is None


@pytest.mark.data
def test_bccd_holds_what_its_page_says(data_root):
    both = [bccd.load(data_root / "bccd", split) for split in bccd.SPLITS]
    assert [len(objects) for objects in both] == [205, 87]
    labels = np.concatenate([one.classes for objects in both for one in objects])
    faults = [fault for objects in both for fault in objects.faults]
    assert len(faults) == 2 and all(": line " in fault for fault in faults)
    assert np.bincount(labels).tolist() == [3350 - 2, 301, 292], "two RBC boxes are points"
    assert sorted(bccd.check(data_root / "bccd")) == sorted(faults)
    edges = np.concatenate([one.boxes for objects in both for one in objects])
    assert edges.min() == 0 and edges[:, 2].max() == 640 and edges[:, 3].max() == 480
