"""A picture or points through a model, results in the pixels of the picture."""

import numpy as np

from tfvision.runtime import fit as fitting
from tfvision.runtime.model import choose
from tfvision.runtime.tiles import by_tiles


def predict(model, inputs, signature="serving_default"):
    """The outputs for one example: name -> array with a batch of one.

    model    from `load`
    inputs   name -> array without the batch: image uint8 [h, w, c], points float32 [n, 3], ...
    return   as the card names them; maps, boxes and points in the pixels of the picture
    raises   ValueError where an input is missing, or of a size the model cannot be given

    A picture is taken as it is by a dynamic model; for one of fixed size it is letterboxed,
    stretched or cut into tiles, as the card says, and what comes out is mapped back. Of proposals
    float32 [n, 4], px of the picture, the model takes the first ones it has room for.
    """
    choose(signature, model.runners, "signature", model.file)
    inputs = with_rows(inputs, model.inputs[signature])
    batch = {name: np.asarray(value)[None] for name, value in inputs.items()}
    size = fixed_size(model, signature)
    image = inputs.get("image")
    if image is None or size is None:
        return model.run(signature, **batch)
    card = model.card["signatures"].get(signature, {})
    if card.get("fit") == "tile":
        others = {name: value for name, value in batch.items() if name != "image"}
        margin = card.get("margin", model.card.get("margin", 0))
        return by_tiles(
            lambda tile: model.run(signature, image=tile, **others), image, size, margin
        )
    if image.shape[:2] == size:
        return model.run(signature, **batch)
    return fitted(model, signature, batch, image, size, card.get("fit"))


def with_rows(inputs, specs):
    """The inputs, with as many proposals as the file takes: zeros are none."""
    count = specs["proposals"][1][1] if "proposals" in specs else -1
    if "proposals" not in inputs or count == -1:
        return inputs
    return inputs | {"proposals": with_room(inputs["proposals"], count)}


def with_room(boxes, count):
    """Boxes [n, 4] in `count` rows: the first ones, zeros behind them: float32 [count, 4]."""
    boxes = np.asarray(boxes, np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"Expected proposals [n, 4]. Received: {list(boxes.shape)}")
    boxes = boxes[:count]
    return np.pad(boxes, [(0, count - len(boxes)), (0, 0)])


def fitted(model, signature, batch, image, size, how):
    """The picture made as large as the model wants it, and the results brought back."""
    ways = {"letterbox": fitting.letterbox, "stretch": fitting.stretch}
    if how not in ways:
        raise ValueError(
            f"{model.file}: takes pictures of {size[1]} x {size[0]} px only, and its card does "
            f"not say how others fit. Received: {image.shape[1]} x {image.shape[0]} px"
        )
    small, view = ways[how](image, size)
    batch = {**batch, "image": small[None]}
    if "proposals" in batch:
        batch["proposals"] = fitting.forward_boxes(batch["proposals"], view)
    return fitting.back(model.run(signature, **batch), view)


def fixed_size(model, signature):
    """(h, w) of the only pictures that the file takes; None where any size is fine."""
    shape = model.inputs[signature].get("image", (None, ()))[1]
    sizes = tuple(shape[1:3]) if len(shape) == 4 else ()
    return sizes if sizes and -1 not in sizes else None
