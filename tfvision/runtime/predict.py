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
    stretched or cut into tiles, as the card says, and what comes out is mapped back.
    """
    choose(signature, model.runners, "signature", model.file)
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
