"""Maps of object numbers become boxes and masks that lie tight around them."""

import cv2
import numpy as np
import pytest

from tfvision.data import penn_fudan
from tfvision.data.files import DataError


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / "PennFudanPed"
    (home / "PNGImages").mkdir(parents=True)
    (home / "PedMasks").mkdir()
    for i in range(6):
        numbers = np.zeros([30, 40], np.uint8)
        numbers[2:10, 3:7], numbers[15:30, 20:40] = 1, 5
        write(home, i, numbers)
    return tmp_path


def write(home, i, numbers):
    cv2.imwrite(str(home / "PNGImages" / f"p{i}.png"), np.zeros([30, 40, 3], np.uint8))
    cv2.imwrite(str(home / "PedMasks" / f"p{i}_mask.png"), numbers)


def test_every_number_is_an_object_with_a_tight_box(folder):
    train, held = (penn_fudan.load(folder, split) for split in penn_fudan.SPLITS)
    assert [one.name for one in held] == ["p4"] and len(train) == 5
    one = train[0]
    assert one.boxes.tolist() == [[3, 2, 7, 10], [20, 15, 40, 30]] and train.masked
    assert one.bitmaps().sum((1, 2)).tolist() == [32, 300] == one.areas.tolist()
    assert one.squares(7).all() and list(penn_fudan.check(folder)) == []


def test_more_than_255_objects_fit_in_16_bits(folder):
    numbers = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    write(folder / "PennFudanPed", 0, numbers)
    assert len(penn_fudan.load(folder)[0].boxes) == 1199


@pytest.mark.parametrize("numbers, told", [
    (np.zeros([30, 41], np.uint8), "is 40 x 30 px, but its annotation says 41 x 30"),
    (np.zeros([30, 40, 3], np.uint8), "expected a grey image of object numbers"),
])
def test_a_mask_that_does_not_fit_is_told_or_refused(folder, numbers, told):
    write(folder / "PennFudanPed", 0, numbers)
    assert any(told in fault for fault in penn_fudan.check(folder))
    assert len(penn_fudan.load(folder)) == 4
    with pytest.raises(DataError, match=told):
        penn_fudan.load(folder, bad_boxes="refuse")


def test_a_missing_and_a_damaged_mask_are_told_by_name(folder):
    masks = folder / "PennFudanPed" / "PedMasks"
    (masks / "p0_mask.png").unlink()
    (masks / "p1_mask.png").write_bytes(b"no image")
    faults = list(penn_fudan.check(folder))
    assert len(faults) == 2 and "p0_mask.png: cannot be read" in faults[0]
    assert "p1_mask.png: no image" in faults[1] and len(penn_fudan.load(folder)) == 3


def test_an_image_without_pedestrians_stays(folder):
    write(folder / "PennFudanPed", 0, np.zeros([30, 40], np.uint8))
    assert len(penn_fudan.load(folder)[0].boxes) == 0


@pytest.mark.data
def test_penn_fudan_holds_what_its_page_says(data_root):
    train, held = (penn_fudan.load(data_root / "penn_fudan", s) for s in penn_fudan.SPLITS)
    assert (len(train), len(held)) == (104, 26) and not train.faults and not held.faults
    names = sorted(one.name for part in (train, held) for one in part)
    assert [one.name for one in held] == names[4::5]
    for one in held:
        np.testing.assert_array_equal(one.bitmaps().sum((1, 2)), one.areas)
