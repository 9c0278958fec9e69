"""A picture to draw on: strokes and text as thick as its size asks for, positions below a pixel."""

import cv2
import numpy as np

from tfvision.viz.labels import rgb

INK, PAPER, FAINT = (38, 42, 52), (255, 255, 255), (232, 234, 238)
SHIFT = 4  # Fractional bits of OpenCV's coordinates.
FAR = 1e6  # px; what lies further out is not drawn.
FONT = cv2.FONT_HERSHEY_SIMPLEX
CAPITAL = 20.5  # Height of a capital at OpenCV's scale 1, px.
OUTLINED = int(cv2.__version__.split(".")[0]) >= 5  # There text is filled, no strokes.


class Canvas:
    """A copy of an image, enlarged by a whole number where it is small.

    image    uint8 [h, w], [h, w, 1] or [h, w, 3]
    at_least side the longer side is enlarged to, px
    picture  uint8 [h', w', 3], what has been drawn so far
    scale    pixels of the picture per pixel of the image
    unit     width of a fine line, px

    All positions that its methods take are in pixels of the image: points with the centre of the
    first pixel at (0, 0), boxes with the outer corner of the first pixel there. What is not finite
    is not drawn. Colours are (red, green, blue), 0..255.
    """

    def __init__(self, image, *, at_least=480):
        image = rgb(image)
        h, w = image.shape[:2]
        self.scale = max(1, round(at_least / max(h, w)))
        self.picture = np.repeat(np.repeat(image, self.scale, 0), self.scale, 1)
        self.unit = unit_of(self.picture)

    def line(self, start, end, colour, *, width=2.0, halo=False):
        """A line between two points; `halo` sets it off from what lies behind."""
        self.path([start, end], colour, width=width, halo=halo)

    def path(self, points, colour, *, width=2.0, closed=False, halo=False):
        """Lines through points [n, 2]."""
        points = self._points(points)
        if points is None or len(points) < 2:
            return
        strokes = [(INK, width + 1.5)] if halo else []
        for tone, thick in [*strokes, (colour, width)]:
            thick = max(1, round(thick * self.unit))
            cv2.polylines(
                self.picture, [points], closed, plain(tone), thick, cv2.LINE_AA, SHIFT
            )

    def dot(self, point, colour, *, radius=3.0, rim=PAPER):
        """A disc with a rim; the radius is in units of line width."""
        points = self._points([point])
        if points is None:
            return
        place = tuple(int(v) for v in points[0])
        for tone, r in ((rim, radius + 1), (colour, radius)):
            size = max(round(r * self.unit * 2**SHIFT), 2**SHIFT)
            cv2.circle(self.picture, place, size, plain(tone), -1, cv2.LINE_AA, SHIFT)

    def ring(self, point, radius, colour, *, width=1.5):
        """A circle; the radius is in pixels of the image."""
        points = self._points([point])
        if points is None or not 0 < radius < FAR:
            return
        place, size = tuple(int(v) for v in points[0]), round(radius * self.scale * 2**SHIFT)
        thick = max(1, round(width * self.unit))
        cv2.circle(self.picture, place, size, plain(colour), thick, cv2.LINE_AA, SHIFT)

    def box(self, box, colour, *, width=2.0):
        """A rectangle (x1, y1, x2, y2), continuous edges."""
        x1, y1, x2, y2 = np.asarray(box, float) - 0.5
        self.path([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], colour, width=width, closed=True)

    def tint(self, mask, colour, *, strength=0.45):
        """Colours the pixels of the image where mask [h, w] is not 0."""
        mask = np.repeat(np.repeat(np.asarray(mask) > 0, self.scale, 0), self.scale, 1)
        behind = self.picture[mask].astype(np.float32)
        self.picture[mask] = (behind * (1 - strength) + np.float32(colour) * strength).round()

    def label(self, text, corner, colour):
        """Text on a plate whose lower left corner is at `corner`, moved to where it is visible."""
        height = self.text_height
        wide, high = text_size(text, height)
        pad = max(2, round(height * 0.3))
        x, y = (np.nan_to_num(np.asarray(corner, float)) * self.scale).clip(-FAR, FAR)
        h, w = self.picture.shape[:2]
        wide, high = wide + 2 * pad, high + 2 * pad
        x = int(np.clip(round(x), 0, max(w - wide, 0)))
        y = int(np.clip(round(y), min(high, h), h))
        self.picture[max(y - high, 0) : y, x : x + wide] = colour
        write(self.picture, text, (x + pad, y - pad), height, ink_on(colour))

    @property
    def text_height(self):
        """Height of a capital letter, px."""
        return max(8, round(9 * self.unit))

    def _points(self, points):
        """Positions in OpenCV's fixed-point pixels: int32 [n, 2]; None where one is far out."""
        points = (np.asarray(points, float) + 0.5) * self.scale - 0.5
        if not np.all(np.abs(points) < FAR):
            return None
        return np.round(points * 2**SHIFT).astype(np.int32)


def unit_of(picture):
    """Width of a fine line on a picture, px: 1 for 480 px, 6 for 3500."""
    return max(1.0, (np.sqrt(picture.shape[0] * picture.shape[1]) / 480) ** 0.95)


def write(picture, text, place, height, colour=INK, *, bold=False):
    """Draws text whose baseline starts at place (x, y), px; `height` is that of a capital."""
    scale, thick = _font(height, bold)
    place = tuple(int(v) for v in place)
    cv2.putText(picture, str(text), place, FONT, scale, plain(colour), thick, cv2.LINE_AA)


def text_size(text, height, *, bold=False):
    """Width and height of a line of text, px; what hangs below the baseline is not counted."""
    scale, thick = _font(height, bold)
    return cv2.getTextSize(str(text), FONT, scale, thick)[0][0], height


def fitting(text, width, height, *, bold=False):
    """The text, shortened until it is no wider than `width` px."""
    text = str(text)
    if text_size(text, height, bold=bold)[0] <= width:
        return text
    while text and text_size(text + "..", height, bold=bold)[0] > width:
        text = text[:-1]
    return text + ".."


def ink_on(colour):
    """Dark or light, whichever can be read on a colour."""
    return INK if np.dot(np.asarray(colour, float), (0.299, 0.587, 0.114)) > 140 else PAPER


def plain(colour):
    """A colour as OpenCV takes it."""
    return tuple(int(v) for v in colour)


def _font(height, bold):
    """OpenCV's scale and thickness of capitals `height` px high."""
    scale = height / CAPITAL
    return scale, (1 + bold if OUTLINED else max(1, round(scale * (1.2 + 1.2 * bold))))
