"""The overlap-tile strategy in NumPy: a picture of any size through a model of fixed size."""

import numpy as np


def by_tiles(run, image, tile, margin):
    """The maps of a whole picture, computed tile by tile.

    run      uint8 [1, h, w, c] of the tile's size -> name -> maps [1, h, w] or [1, h, w, k]
    image    uint8 [h, w, c]
    tile     (h, w) of a tile, px
    margin   what is cut off each side of a tile's result, px: context, mirrored at the border
    return   name -> maps [1, h, w] or [1, h, w, k] of the picture
    raises   ValueError where the margin leaves nothing, or an output is no map
    """
    steps = [side - 2 * margin for side in tile]
    if margin < 0 or min(steps) < 1:
        raise ValueError(f"Expected 0 <= margin < {min(tile) / 2}. Received: margin={margin}")
    wide = mirrored(image, tile, margin)
    sheets = {}
    for y in range(0, image.shape[0], steps[0]):
        for x in range(0, image.shape[1], steps[1]):
            maps = run(wide[None, y : y + tile[0], x : x + tile[1]])
            for name, value in maps.items():
                check_map(name, value, tile)
                sheet = sheets.setdefault(name, blank(value, image.shape[:2]))
                part = value[:, margin : margin + steps[0], margin : margin + steps[1]]
                part = part[:, : image.shape[0] - y, : image.shape[1] - x]
                sheet[:, y : y + steps[0], x : x + steps[1]] = part
    return sheets


def mirrored(image, tile, margin):
    """The picture with mirrored borders, so large that whole tiles cover it."""
    for axis, side in enumerate(tile):
        size, step = image.shape[axis], side - 2 * margin
        count = (size + step - 1) // step
        index = np.abs(np.arange(-margin, count * step + margin))
        index %= max(2 * (size - 1), 1)
        image = np.take(image, np.minimum(index, 2 * (size - 1) - index).clip(0), axis)
    return image


def blank(value, size):
    """An empty map like `value`, of the picture's size."""
    return np.empty([1, *size, *value.shape[3:]], value.dtype)


def check_map(name, value, tile):
    """Refuses outputs that cannot be put together from tiles."""
    if value.ndim not in (3, 4) or value.shape[1:3] != tuple(tile):
        raise ValueError(
            f"Expected maps of {tile[0]} x {tile[1]} px from a model that works by tiles. "
            f"Received: {name} {list(value.shape)}"
        )
