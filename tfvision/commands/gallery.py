"""A folder of images as a gallery that is searched inside an exported model."""

import dataclasses
import json
import types
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfvision.commands.errors import UsageError
from tfvision.models.index import Index
from tfvision.runtime import pictures

LAYOUT = "a folder of images for each class, or images alone, each of which is a class"
NAMES = "gallery.json"  # Beside the card: which file each item is.
BATCH = 32  # Images of one size that are embedded at a time.


@dataclasses.dataclass(frozen=True)
class Items:
    """What a gallery holds.

    folder     where the files are
    files      their names in it, with / between the parts
    class_ids  int32 [n]
    classes    names: of the folders, or of the files without their ending
    """

    folder: Path
    files: list[str]
    class_ids: np.ndarray
    classes: list[str]


def find(folder):
    """The items of a gallery, by the names of their files.

    raises   UsageError that names the folder, where nothing is found or images lie beside folders
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder. Expected for --gallery: {LAYOUT}")
    loose = [path for path in sorted(folder.iterdir()) if is_picture(path)]
    below = [path for path in sorted(folder.iterdir())
             if path.is_dir() and not path.name.startswith(".")]
    if loose and below:
        raise UsageError(f"{loose[0]}: lies beside folders. Expected for --gallery: {LAYOUT}")
    groups = {path.name: sorted(filter(is_picture, path.rglob("*"))) for path in below}
    groups = groups or {path.stem: [p for p in loose if p.stem == path.stem] for path in loose}
    empty = [name for name, files in groups.items() if not files]
    if empty or not groups:
        raise UsageError(f"{Path(folder, *empty[:1])}: holds no image. Expected: {LAYOUT}")
    sizes = [len(files) for files in groups.values()]
    return Items(
        folder,
        [path.relative_to(folder).as_posix() for files in groups.values() for path in files],
        np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
        list(groups),
    )


def is_picture(path):
    """Whether a path is an image by its ending; hidden files are none."""
    return path.suffix.lower() in pictures.ENDINGS and not path.name.startswith(".")


def embedded(items, embed, channels):
    """The embeddings of all items: float32 [n, d].

    embed     images uint8 [b, h, w, channels] -> [b, d]
    raises    ValueError or OSError that names the first image that cannot be read
    """
    spec = tf.TensorSpec([None, None, None, channels], tf.uint8)
    fast = tf.function(embed, input_signature=[spec], autograph=False)
    found, batch = [], []
    for name in items.files:
        image = pictures.read(items.folder / name, channels=channels)
        if batch and (len(batch) == BATCH or image.shape != batch[0].shape):
            found.append(fast(np.stack(batch)).numpy())
            batch = []
        batch.append(image)
    return np.concatenate([*found, fast(np.stack(batch)).numpy()])


def index(app, model, items, *, k, store):
    """The models.Index of the items, by the app's embedding."""
    if k > len(items.files):
        raise UsageError(f"--k {k}: {items.folder} holds {len(items.files)} images")
    embed = app.gallery(model)
    channels = app.serve(model)["serving_default"].inputs["image"].shape[-1]
    vectors = embedded(items, embed, channels)
    return Index(embed, vectors, items.class_ids, k=k, store=store)


def searching(app, index, items):
    """The app with the signatures `search`, which is served by default, and `embed`."""

    def serve(model):
        plain = app.serve(model)["serving_default"]
        search = dataclasses.replace(plain, fn=index.search)
        embed = dataclasses.replace(plain, fn=lambda image: {"embedding": index.embed(image)})
        return {"serving_default": search, "search": search, "embed": embed}

    other = types.ModuleType(app.__name__, app.__doc__)
    own = {"serve": serve, "classes": lambda config: items.classes}
    vars(other).update(vars(app) | own)
    return other


def facts(index):
    """What the card says of the gallery."""
    n, d = index.vectors.shape
    store = index.vectors.dtype.name
    return {"gallery": {"items": n, "dimensions": d, "k": index.k, "store": store, "names": NAMES}}


def names(items):
    """The content of gallery.json: the file of each item, and the number of its class."""
    content = {"files": items.files, "class_ids": items.class_ids.tolist()}
    return json.dumps(content, ensure_ascii=False) + "\n"
