import numpy as np
import pytest

from tfvision.viz.canvas import INK, PAPER, Canvas, fitting, ink_on, text_size, unit_of, write

RED = (255, 0, 0)


def black(h, w):
    return np.zeros([h, w, 3], np.uint8)


def drawn(canvas):
    """Centre (x, y) of what was drawn on black, in the canvas's own pixels."""
    ys, xs = np.nonzero(canvas.picture.any(-1))
    return xs.mean(), ys.mean()


def test_the_image_given_is_not_drawn_on():
    image = black(600, 600)
    Canvas(image).dot((300, 300), RED)
    assert not image.any()


@pytest.mark.parametrize("side, scale", [(28, 17), (240, 2), (480, 1), (4000, 1), (1, 480)])
def test_small_images_are_enlarged_by_whole_numbers(side, scale):
    canvas = Canvas(black(side, side))
    assert canvas.scale == scale
    assert canvas.picture.shape == (side * scale, side * scale, 3)


def test_enlarging_keeps_the_pixels():
    image = np.random.default_rng(0).integers(0, 256, [20, 30, 1], np.uint8)
    canvas = Canvas(image)
    middle = canvas.picture[canvas.scale // 2 :: canvas.scale, canvas.scale // 2 :: canvas.scale]
    np.testing.assert_array_equal(middle, np.repeat(image, 3, 2))


@pytest.mark.parametrize("side", [28, 100, 500])
@pytest.mark.parametrize("point", [(10, 12), (13.5, 9.25)])
def test_a_dot_lies_on_the_centre_of_its_pixel(side, point):
    canvas = Canvas(black(side, side))
    canvas.dot(point, RED, rim=RED)
    expected = (np.array(point) + 0.5) * canvas.scale - 0.5
    np.testing.assert_allclose(drawn(canvas), expected, atol=0.2)


def test_a_box_lies_on_the_outer_edges_of_its_pixels():
    canvas = Canvas(black(48, 48))
    canvas.box((10, 20, 30, 40), RED)
    rows = np.nonzero(canvas.picture[:, 200, 0] > 100)[0]
    columns = np.nonzero(canvas.picture[300, :, 0] > 100)[0]
    for lines, edges in ((rows, (20, 40)), (columns, (10, 30))):
        upper = lines[lines < np.mean(edges) * 10]
        lower = lines[lines > np.mean(edges) * 10]
        np.testing.assert_allclose(
            [upper.mean(), lower.mean()], [edges[0] * 10 - 0.5, edges[1] * 10 - 0.5], atol=0.6
        )


def test_lines_are_thicker_on_large_pictures():
    widths = []
    for side in (500, 1000, 4000):
        canvas = Canvas(black(side, side))
        canvas.line((0, side / 2), (side, side / 2), RED)
        widths.append((canvas.picture[:, side // 2, 0] > 127).sum() / side)
    np.testing.assert_allclose(widths, widths[0], rtol=0.35)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_what_has_no_place_is_not_drawn(bad):
    canvas = Canvas(black(500, 500))
    canvas.line((bad, 3), (4, 4), RED)
    canvas.dot((3, bad), RED)
    canvas.ring((bad, bad), 3, RED)
    canvas.ring((100, 100), bad, RED)
    canvas.box((bad, 0, 9, 9), RED)
    assert not canvas.picture.any()


@pytest.mark.parametrize("corner", [(-50, -50), (9999, 9999), (250, 0), (np.nan, np.inf)])
def test_labels_stay_inside_the_picture(corner):
    canvas = Canvas(black(500, 500))
    canvas.label("person 0.98", corner, RED)
    plate = (canvas.picture == RED).all(-1)
    assert plate.any(0).sum() >= text_size("person 0.98", canvas.text_height)[0]


def test_a_tint_colours_its_mask_only():
    canvas = Canvas(black(4, 4))
    canvas.tint(np.eye(4), RED, strength=0.5)
    here = np.kron(np.eye(4), np.ones([canvas.scale] * 2)) > 0
    assert (canvas.picture[here] == (128, 0, 0)).all() and not canvas.picture[~here].any()


@pytest.mark.parametrize("height", [9, 14, 40])
def test_capitals_are_as_high_as_asked(height):
    sheet = np.full([100, 300, 3], 255, np.uint8)
    write(sheet, "HEH", (5, 80), height)
    rows = np.nonzero((sheet < 150).any((1, 2)))[0]
    assert abs(np.ptp(rows) + 1 - height) <= max(1, 0.1 * height)
    assert abs(rows.max() - 79) <= 1


def test_long_text_is_shortened_until_it_fits():
    assert fitting("owl", 500, 12) == "owl"
    short = fitting("a very long name of a class", 90, 12)
    assert short.startswith("a very") and short.endswith("..")
    assert text_size(short, 12)[0] <= 90


def test_text_can_be_read_on_any_colour():
    assert ink_on((255, 255, 0)) == INK and ink_on((20, 20, 120)) == PAPER


def test_fine_lines_are_one_pixel_wide_at_least():
    assert unit_of(black(28, 28)) == 1
    assert unit_of(black(3000, 4000)) > 5
