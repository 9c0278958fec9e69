"""Tiny exported models, made once: plain functions whose answers are known."""

import json
import os

import numpy as np
import pytest

SIDE = 64  # Of the pictures that `finder` takes.
KERNEL = np.float32(
    [[0, 1, 2, 0, 0], [3, 1, 0, 0, 1], [0, 0, 4, 2, 0], [1, 0, 0, 1, 0], [0, 2, 0, 0, 5]]
)


@pytest.fixture(scope="session")
def kernel():
    """What the model `filter` filters with, twice."""
    return KERNEL / KERNEL.sum()


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """The folder of the models, as tfvision export would leave it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    root = tmp_path_factory.mktemp("models")
    for app, task, classes, signatures in definitions():
        write_model(root / app, app, task, classes, signatures)
    return root


def definitions():
    import tensorflow as tf

    image = tf.TensorSpec([1, SIDE, SIDE, 3], tf.uint8, name="image")
    rgb = tf.TensorSpec([None, None, None, 3], tf.uint8, name="image")
    grey = tf.TensorSpec([None, None, None, 1], tf.uint8, name="image")
    tile = tf.TensorSpec([1, 32, 32, 1], tf.uint8, name="image")
    boxes = tf.TensorSpec([1, 8, 4], tf.float32, name="proposals")
    z = tf.TensorSpec([1, 16], tf.float32, name="z")
    points = tf.TensorSpec([1, 16, 3], tf.float32, name="points")
    pair = [tf.TensorSpec([1, 8, 2], tf.float32, name=f"points{i}") for i in (1, 2)]
    valid = tf.TensorSpec([1, 8], tf.bool, name="valid")
    return [
        ("negative", "translation", [], {"serving_default": (negative, [rgb], None)}),
        ("threshold", "segmentation", ["dark", "bright"],
         {"serving_default": (threshold, [grey], None)}),
        ("finder", "detection", ["square", "other"], {
            "serving_default": (find_square, [image], "letterbox"),
            "stretched": (find_square, [image], "stretch"),
            "points": (find_points, [image], "letterbox"),
            "maps": (find_maps, [image], "letterbox"),
            "unsaid": (find_square, [image], None)}),
        ("regions", "detection", ["thing"],
         {"serving_default": (give_back, [image, boxes], "letterbox")}),
        ("filter", "segmentation", ["value"],
         {"serving_default": (twice_filtered, [tile], "tile")}),
        ("generator", "generator", [], {"serving_default": (generate, [z], None)}),
        ("cloud", "point sets", ["low", "high"], {"serving_default": (height, [points], None)}),
        ("matches", "correspondences", [],
         {"serving_default": (weigh, [*pair, valid], None)}),
    ]


def write_model(folder, app, task, classes, signatures):
    import tensorflow as tf

    folder.mkdir(parents=True)
    functions = {
        name: tf.function(fn, autograph=False).get_concrete_function(*specs)
        for name, (fn, specs, _) in signatures.items()
    }
    tf.saved_model.save(tf.Module(), str(folder / "1"), signatures=functions)
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(folder / "1"), signature_keys=list(functions)
    )
    content = converter.convert()
    (folder / "model.tflite").write_bytes(content)
    card = {
        "app": app, "task": task, "version": 1, "summary": app, "classes": classes,
        "signatures": {
            name: {
                "inputs": {
                    s.name: {"dtype": s.dtype.name, "shape": s.shape.as_list()} for s in specs
                },
                "fixed": None if fit is None else {s.name: s.shape.as_list() for s in specs},
                "fit": fit,
                **({"margin": 4} if fit == "tile" else {}),
                "outputs": {},
            }
            for name, (_, specs, fit) in signatures.items()
        },
        "files": {"model.tflite": len(content)},
    }
    (folder / "card.json").write_text(json.dumps(card))


def negative(image):
    import tensorflow as tf

    return {"translated": tf.cast(255.0 - tf.cast(image, tf.float32), tf.uint8)}


def threshold(image):
    """Class 1 where a pixel is 128 or more."""
    import tensorflow as tf

    grey = tf.cast(image, tf.float32)
    bright = tf.cast(grey > 127.5, tf.float32)
    probabilities = tf.concat([1 - bright, bright], -1)
    return {"labels": tf.cast(tf.squeeze(bright, -1), tf.int32), "probabilities": probabilities}


def bright_region(image):
    """Edges of what is brighter than 128, and its mask: x1, y1, x2, y2, [1, SIDE, SIDE]."""
    import tensorflow as tf

    mask = tf.cast(image, tf.float32)[..., 0] > 150
    at = tf.range(SIDE, dtype=tf.float32)
    sides = []
    for axis in (1, 2):
        hit = tf.reduce_any(mask, axis)[0]
        first = tf.reduce_min(tf.where(hit, at, 1e3))
        sides.append((first, tf.reduce_max(tf.where(hit, at, -1.0)) + 1))
    (x1, x2), (y1, y2) = sides
    return x1, y1, x2, y2, mask


def find_square(image):
    """Two slots, of which one is filled."""
    import tensorflow as tf

    x1, y1, x2, y2, mask = bright_region(image)
    box = tf.reshape(tf.stack([x1, y1, x2, y2]), [1, 1, 4])
    masks = tf.cast(tf.expand_dims(mask, 1), tf.uint8)
    return {
        "boxes": tf.concat([box, tf.zeros([1, 1, 4])], 1),
        "scores": tf.constant([[0.875, 0.0]]) + 0 * x1,
        "class_ids": tf.constant([[0, -1]]) + tf.cast(0 * x1, tf.int32),
        "count": tf.constant([1]) + tf.cast(0 * x1, tf.int32),
        "masks": tf.concat([masks, tf.zeros_like(masks)], 1),
    }


def give_back(image, proposals):
    """The proposals that have a size."""
    import tensorflow as tf

    zero = 0 * tf.reduce_sum(tf.cast(image, tf.float32))
    real = tf.cast(proposals[..., 2] > proposals[..., 0], tf.float32)
    return {
        "boxes": proposals + zero, "scores": real, "class_ids": tf.cast(0 * real, tf.int32),
        "count": tf.cast(tf.reduce_sum(real, 1), tf.int32),
    }


def find_points(image):
    """The centre of the square as a feature: scale = half its width, angle = 0.5 rad."""
    import tensorflow as tf

    x1, y1, x2, y2, _ = bright_region(image)
    centre = [(x1 + x2 - 1) / 2, (y1 + y2 - 1) / 2]
    row = tf.stack([*centre, (x2 - x1) / 2, 0.5 + 0 * x1, 1.0 + 0 * x1])
    return {
        "keypoints": tf.reshape(row, [1, 1, 5]),
        "corners": tf.reshape(tf.stack([x1 - 0.5, y1 - 0.5] * 8), [1, 8, 2]),
        "people": tf.reshape(tf.stack([x2 - 0.5, y2 - 0.5, 1.0 + 0 * x1]), [1, 1, 1, 3]),
    }


def find_maps(image):
    import tensorflow as tf

    grey = tf.cast(image, tf.float32)[..., 0]
    return {
        "labels": tf.cast(grey > 150, tf.int32),
        "disparity": 0 * grey + 8.0,
        "translated": tf.cast(255.0 - tf.cast(image, tf.float32), tf.uint8),
    }


def twice_filtered(image):
    """Two 5 x 5 filters that are not symmetric: a pixel sees 4 px far."""
    import tensorflow as tf

    kernel = tf.constant(KERNEL[..., None, None] / KERNEL.sum())
    x = tf.cast(image, tf.float32)
    for _ in range(2):
        x = tf.nn.conv2d(x, kernel, 1, "SAME")
    return {"probabilities": x}


def generate(z):
    import tensorflow as tf

    shade = tf.clip_by_value(tf.reshape(z, [1, 4, 4, 1]) * 50 + 128, 0, 255)
    return {"samples": tf.cast(shade, tf.uint8)}


def height(points):
    import tensorflow as tf

    high = tf.sigmoid(tf.reduce_mean(points[..., 2], 1))
    return {"probabilities": tf.stack([1 - high, high], 1)}


def weigh(points1, points2, valid):
    import tensorflow as tf

    near = tf.cast(tf.reduce_sum(tf.abs(points1 - points2), -1) < 0.1, tf.float32)
    weights = near * tf.cast(valid, tf.float32)
    total = tf.reshape(tf.reduce_sum(weights), [1, 1, 1])
    return {"weights": weights, "essential": tf.ones([1, 3, 3]) * total}
