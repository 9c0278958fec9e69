"""ops.paste_masks and crop_masks against slow references and pycocotools."""

import numpy as np
import pytest

from tfvision import ops


def random_boxes(b, count, side, seed=0):
    """[b, count, 4]: many partly outside, some at whole pixels."""
    draw = np.random.default_rng(seed)
    corner = draw.uniform(-0.3 * side, side, [b, count, 2])
    extent = np.exp(draw.uniform(-1, np.log(1.5 * side), [b, count, 2]))
    boxes = np.concatenate([corner, corner + extent], -1)
    boxes[:, ::3] = np.round(boxes[:, ::3])
    return boxes.astype(np.float32)


def slow_paste(mask, box, h, w):
    """A bilinear read at the centre of every pixel, pixels of the mask outside of it being 0."""
    m, n = mask.shape
    padded = np.pad(mask, 1)
    x = (np.arange(w) + 0.5 - box[0]) / (box[2] - box[0]) * n + 0.5  # In the padded mask.
    y = (np.arange(h) + 0.5 - box[1]) / (box[3] - box[1]) * m + 0.5
    pasted = np.zeros([h, w])
    for i, j in np.ndindex(h, w):
        if 0 <= y[i] < m + 1 and 0 <= x[j] < n + 1:
            top, left = int(y[i]), int(x[j])
            dy, dx = y[i] - top, x[j] - left
            part = padded[top : top + 2, left : left + 2]
            pasted[i, j] = [1 - dy, dy] @ part @ [1 - dx, dx]
    return pasted


def test_pasting_reads_bilinearly_at_the_centres_of_pixels():
    masks = np.random.default_rng(0).random([4, 55, 5, 6]).astype(np.float32)
    boxes = random_boxes(4, 55, 14)
    boxes[..., 2:] = np.maximum(boxes[..., 2:], boxes[..., :2] + 0.3)
    truth = np.array([
        [slow_paste(mask, box, 9, 13) for mask, box in zip(*one, strict=True)]
        for one in zip(masks, boxes.astype(np.float64), strict=True)
    ])
    soft = ops.paste_masks(masks, boxes, size=(9, 13), threshold=None)
    np.testing.assert_allclose(soft, truth, atol=2e-5)
    hard = ops.paste_masks(masks, boxes, size=(9, 13)).numpy()
    assert hard.dtype == np.uint8
    clear = abs(truth - 0.5) > 1e-4
    np.testing.assert_array_equal(hard[clear], truth[clear] >= 0.5)


def test_a_mask_of_the_boxs_own_size_arrives_unchanged():
    mask = (np.random.default_rng(0).random([1, 1, 6, 8]) < 0.5).astype(np.float32)
    pasted = ops.paste_masks(mask, [[[3, 2, 11, 8.0]]], size=(12, 15))[0, 0].numpy()
    np.testing.assert_array_equal(pasted[2:8, 3:11], mask[0, 0])
    assert pasted.sum() == mask.sum()


def test_a_full_mask_fills_the_pixels_whose_centre_is_in_the_box():
    box = np.array([2.3, 1.6, 7.8, 4.4])
    pasted = ops.paste_masks(np.ones([1, 1, 28, 28]), box[None, None], size=(8, 10))[0, 0].numpy()
    y, x = np.mgrid[:8, :10] + 0.5
    inside = (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])
    np.testing.assert_array_equal(pasted, inside)


@pytest.mark.parametrize("box", [
    [3, 3, 3, 3], [5, 2, 3, 6], [3, 5, 6, 2], [np.nan, 0, 4, 4], [0, 0, np.inf, 4],
    [-1e30, 0, 1e30, 4], [40, 40, 60, 60],
])
def test_a_box_without_area_or_sense_gives_an_empty_mask(box):
    pasted = ops.paste_masks(np.ones([1, 1, 4, 4]), [[box]], size=(8, 8), threshold=None).numpy()
    np.testing.assert_array_equal(pasted, 0)


def test_nan_in_a_mask_counts_as_0():
    mask = np.ones([1, 1, 4, 4], np.float32)
    mask[0, 0, 1, 2] = np.nan
    zero = np.nan_to_num(mask)
    options = {"boxes": [[[0, 0, 8, 8.0]]], "size": (8, 8), "threshold": None}
    np.testing.assert_array_equal(
        ops.paste_masks(mask, **options), ops.paste_masks(zero, **options)
    )


def test_no_masks_give_an_empty_stack():
    none = ops.paste_masks(np.zeros([2, 0, 5, 5]), np.zeros([2, 0, 4]), size=(6, 7))
    assert none.shape == (2, 0, 6, 7)


def test_pycocotools_agrees_on_area_box_and_overlap():
    coco = pytest.importorskip("pycocotools.mask")
    masks = np.random.default_rng(1).random([1, 30, 7, 7]).astype(np.float32)
    boxes = random_boxes(1, 30, 20, seed=1)
    pasted = ops.paste_masks(masks, boxes, size=(18, 21)).numpy()[0]
    codes = coco.encode(np.asfortranarray(pasted.transpose(1, 2, 0)))
    np.testing.assert_array_equal(coco.area(codes), pasted.sum((1, 2)))
    np.testing.assert_array_equal(coco.decode(codes).transpose(2, 0, 1), pasted)
    flat = pasted.reshape(30, -1).astype(int)
    common = flat @ flat.T
    union = np.maximum(flat.sum(1)[:, None] + flat.sum(1) - common, 1)
    np.testing.assert_allclose(coco.iou(codes, codes, [0] * 30), common / union, atol=1e-12)


def test_a_pasted_rectangle_is_pycocotools_rectangle():
    coco = pytest.importorskip("pycocotools.mask")
    corners = np.random.default_rng(2).integers(0, 12, [40, 2])
    boxes = np.concatenate([corners, corners + np.random.default_rng(3).integers(1, 9, [40, 2])], 1)
    pasted = ops.paste_masks(np.ones([1, 40, 28, 28]), boxes[None].astype(float), size=(20, 20))
    x1, y1, x2, y2 = boxes.T
    polygons = np.stack([x1, y1, x1, y2, x2, y2, x2, y1], 1).astype(float).tolist()
    drawn = coco.decode(coco.frPyObjects(polygons, 20, 20))
    np.testing.assert_array_equal(pasted.numpy()[0], drawn.transpose(2, 0, 1))


def test_a_crop_is_roi_align_of_its_mask():
    masks = (np.random.default_rng(0).random([2, 3, 12, 15]) < 0.5).astype(np.uint8)
    boxes = random_boxes(2, 40, 14)
    indices = np.random.default_rng(1).integers(0, 3, [2, 40]).astype(np.int32)
    soft = ops.crop_masks(masks, boxes, indices, size=4, threshold=None).numpy()
    maps = masks.transpose(0, 2, 3, 1).astype(np.float32)
    truth = ops.roi_align(maps, boxes, size=4, stride=1, impl="gather").numpy()
    truth = np.take_along_axis(truth, indices[:, :, None, None, None], 4)[..., 0]
    np.testing.assert_allclose(soft, truth, atol=1e-5)
    hard = ops.crop_masks(masks, boxes, indices, size=4).numpy()
    assert hard.dtype == np.uint8
    clear = abs(truth - 0.5) > 1e-4
    np.testing.assert_array_equal(hard[clear], truth[clear] >= 0.5)


def test_boxes_without_a_mask_give_zeros():
    masks = np.ones([1, 2, 6, 6], np.uint8)
    boxes = np.array([[[0, 0, 6, 6]] * 4 + [[np.nan, 0, 6, 6]]], np.float32)
    crops = ops.crop_masks(masks, boxes, np.array([[0, -1, 2, 1, 0]], np.int32), size=3).numpy()
    np.testing.assert_array_equal(crops.max((2, 3)), [[1, 0, 0, 1, 0]])
    np.testing.assert_array_equal(crops.min((2, 3)), [[1, 0, 0, 1, 0]])
    none = ops.crop_masks(masks, boxes[:, :0], np.zeros([1, 0], np.int32), size=3)
    assert none.shape == (1, 0, 3, 3)


def test_a_disc_survives_cropping_and_pasting():
    y, x = np.mgrid[:60, :80]
    disc = ((x - 41) ** 2 + (y - 28) ** 2 < 20**2).astype(np.uint8)[None, None]
    box = np.array([[[19, 6, 64, 51]]], np.float32)
    crop = ops.crop_masks(disc, box, np.zeros([1, 1], np.int32), size=28)
    pasted = ops.paste_masks(crop, box, size=(60, 80)).numpy()
    assert (disc & pasted).sum() / (disc | pasted).sum() > 0.95
