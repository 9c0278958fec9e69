import numpy as np
import pytest

from tfvision import runtime
from tfvision.runtime import fit

# Pictures whose size and square are such that resizing to 64 px moves no edge off a pixel's border.
SIZES = [(64, 128), (256, 128), (16, 32), (32, 8), (64, 64), (128, 32)]


def square(size):
    """A grey picture with a bright square, and its box (x1, y1, x2, y2)."""
    h, w = size
    x1, y1, x2, y2 = w // 4, h // 2, w * 3 // 4, h * 3 // 4
    image = np.full([h, w, 3], 40, np.uint8)
    image[y1:y2, x1:x2] = 255
    return image, np.float32([x1, y1, x2, y2])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("signature", ["serving_default", "stretched"])
def test_the_box_of_a_square_comes_back_to_the_pixel(models, size, signature):
    image, box = square(size)
    outputs = runtime.predict(runtime.load(models / "finder"), {"image": image}, signature)
    np.testing.assert_allclose(outputs["boxes"][0, 0], box, atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_the_mask_of_a_square_comes_back_to_the_pixel_without_empty_slots(models, size):
    image, _ = square(size)
    masks = runtime.predict(runtime.load(models / "finder"), {"image": image})["masks"]
    assert masks.dtype == np.uint8
    wrong = masks[0, 0] != (image[..., 0] == 255)
    assert wrong.sum() <= 4  # Bilinear enlarging rounds the corners.
    if size != (64, 64):
        assert masks.shape == (1, 1, *size)


@pytest.mark.parametrize("size", SIZES)
def test_points_and_scale_come_back_to_the_pixels_of_the_picture(models, size):
    image, (x1, y1, x2, y2) = square(size)
    outputs = runtime.predict(runtime.load(models / "finder"), {"image": image}, "points")
    x, y, scale, angle, score = outputs["keypoints"][0, 0]
    centre = (x1 + x2 - 1) / 2, (y1 + y2 - 1) / 2
    np.testing.assert_allclose([x, y], centre, atol=1e-4)
    np.testing.assert_allclose([scale, angle, score], [(x2 - x1) / 2, 0.5, 1], rtol=1e-5)
    np.testing.assert_allclose(outputs["corners"][0], [[x1 - 0.5, y1 - 0.5]] * 8, atol=1e-4)
    np.testing.assert_allclose(outputs["people"][0, 0, 0], [x2 - 0.5, y2 - 0.5, 1], atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_maps_come_back_in_the_size_of_the_picture(models, size):
    image, _ = square(size)
    outputs = runtime.predict(runtime.load(models / "finder"), {"image": image}, "maps")
    assert outputs["labels"].dtype == np.int32
    np.testing.assert_array_equal(outputs["labels"][0], image[..., 0] == 255)
    assert outputs["translated"].shape == (1, *image.shape)
    width = fit.letterbox(image, (64, 64))[1].inner[1]
    np.testing.assert_allclose(outputs["disparity"], np.full([1, *size], 8 * size[1] / width))


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 2), (601, 407)])
def test_odd_pictures_are_answered_in_their_own_size(models, size):
    image = np.full([*size, 3], 255, np.uint8)
    model = runtime.load(models / "finder")
    box = runtime.predict(model, {"image": image})["boxes"][0, 0]
    np.testing.assert_allclose(box, [0, 0, size[1], size[0]], atol=1e-3)
    assert runtime.predict(model, {"image": image}, "maps")["labels"].shape == (1, *size)
    assert runtime.predict(model, {"image": image}, "maps")["labels"].all()


def test_a_picture_of_the_models_size_is_taken_as_it_is(models):
    model = runtime.load(models / "finder")
    image, _ = square((64, 64))
    direct = model.run(image=image[None])
    for name, value in runtime.predict(model, {"image": image}).items():
        np.testing.assert_array_equal(value, direct[name])


def test_a_card_that_does_not_say_how_pictures_fit_is_refused(models):
    with pytest.raises(ValueError, match="64 x 64 px only.*Received: 10 x 20 px"):
        runtime.predict(
            runtime.load(models / "finder"), {"image": np.zeros([20, 10, 3], np.uint8)}, "unsaid"
        )


def test_letterboxing_centres_the_picture_on_grey():
    image = np.full([10, 20, 3], 7, np.uint8)
    sheet, view = fit.letterbox(image, (40, 40))
    assert view == fit.View((10, 20), (20, 40), (10, 0), (40, 40))
    assert (sheet[10:30] == 7).all()
    assert (sheet[:10] == fit.GREY).all() and (sheet[30:] == fit.GREY).all()


def test_boxes_go_forth_and_back():
    boxes = np.float32([[[0, 0, 20, 10], [3, 2, 4, 9]]])
    view = fit.letterbox(np.zeros([10, 20, 3], np.uint8), (33, 47))[1]
    there = fit.forward_boxes(boxes, view)
    assert not np.allclose(there, boxes)
    np.testing.assert_allclose(fit.back({"boxes": there}, view)["boxes"], boxes, atol=1e-5)


def test_boxes_end_at_the_border_of_the_picture():
    view = fit.letterbox(np.zeros([10, 20, 3], np.uint8), (40, 40))[1]
    back = fit.back({"boxes": np.float32([[[-9, 0, 50, 40]]])}, view)["boxes"]
    np.testing.assert_array_equal(back, [[[0, 0, 20, 10]]])


def test_directions_are_turned_by_stretching():
    view = fit.stretch(np.zeros([10, 40, 3], np.uint8), (40, 40))[1]  # y is four times as long.
    seen = np.float32([[[20, 20, 2, np.pi / 4, 1]]])
    x, y, scale, angle, score = fit.back({"keypoints": seen}, view)["keypoints"][0, 0]
    np.testing.assert_allclose([x, y], [20, 20.5 / 4 - 0.5])
    np.testing.assert_allclose([scale, np.tan(angle), score], [1, 0.25, 1], rtol=1e-5)


def test_what_has_no_place_is_left_alone():
    view = fit.stretch(np.zeros([10, 40, 3], np.uint8), (40, 40))[1]
    outputs = {"scores": np.float32([[1, 2]]), "probabilities": np.float32([[0.1, 0.9]])}
    for name, value in fit.back(outputs, view).items():
        assert value is outputs[name]
