"""Masks in every form draw the same pixels, and squares of them fill their boxes."""

import subprocess
import sys

import numpy as np
import pytest

from tfvision.data.files import DataError
from tfvision.data.instance_masks import Patch, bitmap, filled, rle, square, unrolled

coco = pytest.importorskip("pycocotools.mask", reason="pip install tfvision[detection]")


def random_mask(random, h, w):
    return (random.random([h, w]) < random.uniform(0.1, 0.9)).astype(np.uint8)


def test_run_lengths_packed_or_not_are_what_pycocotools_packed():
    random = np.random.default_rng(0)
    for _ in range(200):
        h, w = (int(v) for v in random.integers(1, 60, 2))
        mask = random_mask(random, h, w)
        packed = coco.encode(np.asfortranarray(mask))
        as_text = {"size": packed["size"], "counts": packed["counts"].decode()}
        flat = mask.T.ravel()
        edges = np.flatnonzero(np.diff(flat)) + 1
        counts = np.diff([0, *edges, h * w]).tolist()
        counts = [0, *counts] if flat[0] else counts
        for form in (packed, as_text, {"size": [h, w], "counts": counts}):
            np.testing.assert_array_equal(unrolled(form, (h, w)), mask)
            assert rle(form, (h, w)) == packed


@pytest.mark.parametrize(
    "bad",
    [
        {"size": [3, 3], "counts": [4, 4]},
        {"size": [3, 3], "counts": [4, -1, 6]},
        {"size": [2, 2], "counts": [4]},
        {"size": [3, 3], "counts": "zzzzzzzzzz"},
        {"size": [3, 3], "counts": b"\x00\xff"},
        {"size": 9, "counts": [9]},
        {"size": [3, 3]},
        {"size": [3, 3], "counts": [4.5, 4.5]},
        {},
    ],
)
def test_run_lengths_that_are_not_of_the_image_are_refused(bad):
    with pytest.raises(DataError, match=r"not of 3 x 3 \(h x w\)"):
        unrolled(bad, (3, 3))


def test_an_outline_holds_the_pixels_whose_centres_it_encloses():
    np.testing.assert_array_equal(
        filled(np.array([(1, 1), (3, 1), (3, 4), (1, 4)]), (5, 4)),
        np.pad(np.ones([3, 2]), [(1, 1), (1, 1)]),
    )
    square_ = np.array([(0.4, 0.4), (1.6, 0.4), (1.6, 1.6), (0.4, 1.6)])
    assert filled(square_, (3, 3)).sum() == 4, "all four centres lie inside"
    assert filled(np.array([(0.6, 0.6), (1.4, 0.6), (1.4, 1.4), (0.6, 1.4)]), (3, 3)).sum() == 0
    assert filled(np.array([(-9, -9), (9, -9), (9, 9), (-9, 9)]), (3, 4)).all()


def test_the_area_of_a_large_outline_is_that_of_the_polygon():
    random = np.random.default_rng(1)
    for _ in range(20):
        angles = np.sort(random.uniform(0, 2 * np.pi, 9))
        points = 200 + 150 * np.stack([np.cos(angles), np.sin(angles)], 1)
        x, y = points.T
        area = abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
        assert abs(filled(points, (400, 400)).sum() - area) < 0.01 * area + 20


def test_several_outlines_are_their_union():
    one = np.array([(0, 0), (4, 0), (4, 4), (0, 4)], np.float64)
    both = bitmap((one, one + 2), (8, 8))
    assert both.sum() == 16 + 16 - 4 and both.max() == 1


def test_every_form_draws_any_window_of_itself():
    random = np.random.default_rng(2)
    for _ in range(50):
        h, w = (int(v) for v in random.integers(4, 30, 2))
        x, y = int(random.integers(-3, w)), int(random.integers(-3, h))
        patch = Patch(random_mask(random, 5, 6), x, y)
        outline = (random.uniform(0, 30, [5, 2]),)
        packed = coco.encode(np.asfortranarray(random_mask(random, h, w)))
        x1, x2 = np.sort(random.choice(w + 1, 2, replace=False)).tolist()
        y1, y2 = np.sort(random.choice(h + 1, 2, replace=False)).tolist()
        for mask in (patch, outline, packed, None):
            whole = bitmap(mask, (h, w))
            assert whole.shape == (h, w) and whole.dtype == np.uint8
            part = bitmap(mask, (h, w), (x1, y1, x2, y2))
            np.testing.assert_array_equal(part, whole[y1:y2, x1:x2])


def test_a_square_is_one_where_half_of_a_cell_or_more_is_covered():
    random = np.random.default_rng(3)
    for _ in range(20):
        mask = random_mask(random, 12, 10)
        x1, y1 = random.uniform(0, 5, 2)
        x2, y2 = x1 + random.uniform(1, 5), y1 + random.uniform(1, 7)
        fine = 16
        at_x = x1 + (np.arange(6 * fine) + 0.5) / (6 * fine) * (x2 - x1)
        at_y = y1 + (np.arange(6 * fine) + 0.5) / (6 * fine) * (y2 - y1)
        read = mask[at_y.astype(int)][:, at_x.astype(int)]
        shares = read.reshape(6, fine, 6, fine).mean((1, 3))
        found = square(Patch(mask, 0, 0), mask.shape, (x1, y1, x2, y2), 6)
        clear = np.abs(shares - 0.5) > 0.07
        np.testing.assert_array_equal(found[clear], (shares >= 0.5)[clear])


def test_a_square_of_the_box_s_own_pixels_is_the_mask():
    mask = random_mask(np.random.default_rng(4), 9, 9)
    np.testing.assert_array_equal(square(Patch(mask, 3, 2), (20, 20), (3, 2, 12, 11), 9), mask)
    assert not square(None, (20, 20), (3, 2, 12, 11), 9).any()


def test_outlines_drawn_for_training_and_by_coco_agree():
    random = np.random.default_rng(5)
    for _ in range(20):
        angles = np.sort(random.uniform(0, 2 * np.pi, 12))
        mask = (50 + 40 * np.stack([np.cos(angles), np.sin(angles)], 1),)
        ours, theirs = bitmap(mask, (100, 100)), coco.decode(rle(mask, (100, 100)))
        assert (ours & theirs).sum() > 0.95 * (ours | theirs).sum()


def test_without_pycocotools_masks_are_drawn_and_only_packing_them_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    monkeypatch.setitem(sys.modules, "pycocotools.mask", None)
    mask = {"size": [3, 3], "counts": [4, 5]}
    assert bitmap(mask, (3, 3)).sum() == 5
    with pytest.raises(DataError, match=r"pip install 'tfvision\[detection\]'"):
        rle(mask, (3, 3))


def test_readers_and_batches_import_no_pycocotools():
    names = "voc, yolo, bccd, penn_fudan, coco, object_batches, box_augment"
    code = f"import sys; from tfvision.data import {names}; from tfvision.metrics import detection"
    code += "; print([m for m in sys.modules if m.startswith('pycocotools')])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
