"""Writes tfa.npz: random inputs, and what TensorFlow Addons 0.23.0 makes of them.

TensorFlow Addons ended in May 2024 and does not import on TensorFlow 2.16 and later, so this runs
in an environment of its own, with Python 3.9 to 3.11:

    python3.11 -m venv venv-tfa
    venv-tfa/bin/pip install tensorflow==2.15.1 tensorflow-addons==0.23.0 "numpy<2"
    venv-tfa/bin/python tests/golden/record_tfa.py

The wheel must be `tensorflow`, not `tensorflow-cpu`: with that one the compiled operations of
Addons do not load. Inputs are stored as integers, in units of 1/256, so that they are small on disk
and exact in every precision; points are in Addons' order, (y, x) but for the resampler.
"""

import os
import warnings
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tensorflow_addons as tfa  # noqa: E402

FILE = Path(__file__).with_name("tfa.npz")
UNIT = 256
CASES = 200
GRADIENTS = 25  # Of the first cases, where one is a loop: gradients are larger than values.
DISTANCES = {"l2": "L2", "sql2": "squared-L2", "cosine": "angular"}


class Inputs:
    """Random arrays of one record; what is drawn is kept under its name."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.kept = {}

    def draw(self, name, shape, low, high, dtype=np.float32):
        """Multiples of 1/UNIT in low..high."""
        whole = self.random.integers(low * UNIT, high * UNIT, shape, endpoint=True)
        self.kept[name] = whole.astype(np.int16)
        return (whole / UNIT).astype(dtype)

    def integers(self, name, shape, low, high):
        """Whole numbers in low..high."""
        self.kept[name] = self.random.integers(low, high, shape, endpoint=True).astype(np.int16)
        return self.kept[name].astype(np.int32)


def value_and_gradients(function, *arrays):
    """The value of a function and the gradients of its sum, as arrays."""
    tensors = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
        total = tf.reduce_sum(value)
    return value.numpy(), [tf.convert_to_tensor(g).numpy() for g in tape.gradient(total, tensors)]


def contrastive():
    inputs = Inputs(0)
    same, distance = inputs.integers("same", [CASES], 0, 1), inputs.draw("distance", [CASES], 0, 3)
    value, (gradient,) = value_and_gradients(
        lambda d: tfa.losses.contrastive_loss(same, d, margin=1.25), distance
    )
    return inputs.kept | {"value": value, "gradient": gradient}


def labels_with_pairs(random):
    """Eight labels, two of them equal and two different at least; some classes have one member."""
    while True:
        labels = random.integers(0, random.integers(2, 8), 8)
        if 1 < len(set(labels)) < 8:
            return labels


def metric():
    """The triplet losses and the lifted structure loss, of one set of batches."""
    inputs = Inputs(1)
    labels = np.array([labels_with_pairs(inputs.random) for _ in range(CASES)], np.int32)
    embeddings = inputs.draw("embeddings", [CASES, 8, 4], -2, 2)
    cases = list(zip(labels, embeddings, strict=True))
    functions = {"lifted": lambda y, x: tfa.losses.lifted_struct_loss(y, x, margin=1.25)}
    for ours, theirs in DISTANCES.items():
        options = {"margin": 0.75, "distance_metric": theirs}
        functions[f"semihard_{ours}"] = bound(tfa.losses.triplet_semihard_loss, **options)
        functions[f"hard_{ours}"] = bound(tfa.losses.triplet_hard_loss, **options)
        functions[f"soft_{ours}"] = bound(tfa.losses.triplet_hard_loss, **options, soft=True)
    out = inputs.kept | {"labels": labels.astype(np.int8)}
    for name, function in functions.items():
        found = [gradients_of_last(function, *case) for case in cases[:GRADIENTS]]
        rest = [function(*map(tf.constant, case)).numpy() for case in cases[GRADIENTS:]]
        out[name] = np.array([value for value, _ in found] + rest)
        out[f"{name}_gradient"] = np.array([gradient for _, gradient in found])
    return out


def bound(function, **options):
    return lambda labels, values: function(labels, values, **options)


def gradients_of_last(function, labels, values):
    value, (gradient,) = value_and_gradients(lambda x: function(tf.constant(labels), x), values)
    return value, gradient


def npairs():
    inputs = Inputs(2)
    labels = inputs.integers("labels", [CASES, 6], 0, 3)
    similarity = inputs.draw("similarity", [CASES, 6, 6], -6, 6)
    loss = tfa.losses.npairs_loss
    found = [gradients_of_last(loss, *c) for c in zip(labels, similarity, strict=True)]
    gradients = np.array([gradient for _, gradient in found[:GRADIENTS]])
    return inputs.kept | {"value": np.array([v for v, _ in found]), "gradient": gradients}


def boxes(inputs, name, cases):
    """(y1, x1, y2, x2) with y1 <= y2 and x1 <= x2; every tenth is empty."""
    corner, size = inputs.draw("corner", [cases, 2], 0, 8), inputs.draw("size", [cases, 2], 0, 6)
    size[::10, 0] = 0
    found = np.concatenate([corner, corner + size], 1)
    inputs.kept[name] = np.rint(found * UNIT).astype(np.int16)
    del inputs.kept["corner"], inputs.kept["size"]
    return found


def giou():
    inputs = Inputs(3)
    a, b = (boxes(inputs, name, 2 * CASES) for name in "ab")
    b[5::20] = a[5::20]  # Equal ones.
    inputs.kept["b"][5::20] = inputs.kept["a"][5::20]
    value, gradients = value_and_gradients(tfa.losses.giou_loss, a, b)
    iou = tfa.losses.giou_loss(a, b, mode="iou").numpy()
    return inputs.kept | {"value": value, "iou": iou, "gradient": gradients[1]}


def focal():
    """`value_k` with the k-th alpha and gamma; 0 leaves the factor out."""
    inputs = Inputs(4)
    targets = inputs.integers("targets", [CASES, 3], 0, 1).astype(np.float32)
    logits = inputs.draw("logits", [CASES, 3], -8, 8)
    out = dict(inputs.kept)
    for k, (alpha, gamma) in enumerate([(0.25, 2.0), (0.75, 1.5), (0.0, 0.0)]):
        def loss(x, alpha=alpha, gamma=gamma):
            return tfa.losses.sigmoid_focal_crossentropy(
                targets, x, alpha=alpha, gamma=gamma, from_logits=True
            )
        out[f"value_{k}"], (out[f"gradient_{k}"],) = value_and_gradients(loss, logits)
    probability = 1 / (1 + np.exp(-logits.astype(np.float64) / 2))
    out["of_probability"] = tfa.losses.sigmoid_focal_crossentropy(targets, probability).numpy()
    return out


def spline():
    """In float64: the system is ill conditioned where points come close."""
    inputs = Inputs(5)
    train = inputs.draw("train_points", [CASES, 6, 2], -2, 2, np.float64)
    values = inputs.draw("train_values", [CASES, 6, 2], -4, 4, np.float64)
    query = inputs.draw("query_points", [CASES, 3, 2], -2, 2, np.float64)
    out = dict(inputs.kept)
    for order in (1, 2, 3):
        def read(*arrays, order=order):
            return tfa.image.interpolate_spline(*arrays, order)
        out[f"order_{order}"], gradients = value_and_gradients(read, train, values, query)
        names = ("train_points", "train_values", "query_points")
        out |= {f"order_{order}_{name}": g[:GRADIENTS]
                for name, g in zip(names, gradients, strict=True)}
        out[f"order_{order}_regularised"] = tfa.image.interpolate_spline(
            train, values, query, order, regularization_weight=0.125
        ).numpy()
    return out


def sparse_image_warp():
    """`image_k` and `flow_k` of the k-th fifth of the cases; options as in test_tfa.py."""
    inputs = Inputs(6)
    image = inputs.draw("image", [CASES, 5, 6, 1], 0, 1, np.float64)
    source = inputs.draw("source", [CASES, 4, 2], 0, 4, np.float64)
    moved = inputs.draw("moved", [CASES, 4, 2], -1, 1, np.float64)
    out = dict(inputs.kept)
    for k, (order, boundary, weight) in enumerate(
        [(2, 0, 0.0), (1, 0, 0.0), (3, 1, 0.0), (2, 2, 0.0), (2, 3, 0.125)]
    ):
        part = slice(k * CASES // 5, (k + 1) * CASES // 5)
        warped, flow = tfa.image.sparse_image_warp(
            image[part], source[part], (source + moved)[part], interpolation_order=order,
            num_boundary_points=boundary, regularization_weight=weight,
        )
        out |= {f"image_{k}": warped.numpy(), f"flow_{k}": flow.numpy()}
    return out


def dense_image_warp():
    inputs = Inputs(7)
    image = inputs.draw("image", [CASES, 4, 5, 1], 0, 1)
    flow = inputs.draw("flow", [CASES, 4, 5, 2], -3, 3)
    value, gradients = value_and_gradients(tfa.image.dense_image_warp, image, flow)
    gradients = dict(zip(["image_gradient", "flow_gradient"], gradients, strict=True))
    return inputs.kept | {"value": value} | {n: g[:GRADIENTS] for n, g in gradients.items()}


def resampler():
    """Points in (x, y), some outside; the sum of squares makes the gradients differ."""
    inputs = Inputs(8)
    image = inputs.draw("image", [CASES, 4, 5, 2], 0, 1)
    points = inputs.draw("points", [CASES, 6, 2], -2, 6)
    value = tfa.image.resampler(image, points).numpy()
    _, gradients = value_and_gradients(
        lambda *arrays: tf.square(tfa.image.resampler(*arrays)), image, points
    )
    gradients = dict(zip(["image_gradient", "points_gradient"], gradients, strict=True))
    return inputs.kept | {"value": value} | {n: g[:GRADIENTS] for n, g in gradients.items()}


def rotate():
    """Counter-clockwise by angles in rad."""
    inputs = Inputs(9)
    image = inputs.draw("image", [CASES, 5, 6, 1], 0, 1)
    angle = inputs.draw("angle", [CASES], -4, 4)
    out = {name: tfa.image.rotate(image, angle, interpolation=name).numpy()
           for name in ("bilinear", "nearest")}
    out["nearest"] = np.rint(out["nearest"] * UNIT).astype(np.int16)
    return inputs.kept | out


def transform():
    """Projective: (x, y) of the target goes to the source by [a0 a1 a2; b0 b1 b2; c0 c1 1]."""
    inputs = Inputs(10)
    image = inputs.draw("image", [CASES, 5, 6, 1], 0, 1)
    linear = inputs.draw("linear", [CASES, 6], -1, 1)
    bend = inputs.integers("bend", [CASES, 2], -8, 8) / np.float32(UNIT)
    rows = np.concatenate([linear + np.float32([1, 0, 0, 0, 1, 0]), bend], 1)
    value = tfa.image.transform(image, rows, interpolation="bilinear").numpy()
    return inputs.kept | {"bilinear": value}


def normalisation():
    """Instance and group normalisation with gain and offset; gradients of a weighted sum."""
    inputs = Inputs(11)
    image = inputs.draw("image", [CASES, 3, 2, 4], -4, 4)
    weights = inputs.draw("weights", [CASES, 3, 2, 4], -1, 1)
    gain, offset = inputs.draw("gain", [4], -2, 2), inputs.draw("offset", [4], -2, 2)
    out = dict(inputs.kept)
    for name, layer in {
        "instance": tfa.layers.InstanceNormalization(),
        "group": tfa.layers.GroupNormalization(groups=2),
    }.items():
        layer.build(image.shape)
        layer.set_weights([gain, offset])
        with tf.GradientTape() as tape:
            x = tf.constant(image)
            tape.watch(x)
            value = layer(x)
            total = tf.reduce_sum(value * weights)
        gradients = tape.gradient(total, [x, *layer.trainable_weights])
        keys = ("image_gradient", "gain_gradient", "offset_gradient")
        out |= {f"{name}_{key}": g.numpy() for key, g in zip(keys, gradients, strict=True)}
        out[name] = value.numpy()
        out[f"{name}_image_gradient"] = out[f"{name}_image_gradient"][:GRADIENTS]
    return out


def unpooling():
    """`switches` are the flat positions in an image that the maxima came from."""
    inputs = Inputs(12)
    image = inputs.draw("image", [CASES, 4, 6, 2], -16, 16)
    pooled, switches = tf.nn.max_pool_with_argmax(image, 2, 2, "SAME")
    value = tfa.layers.MaxUnpooling2D()(pooled, switches).numpy()
    whole = {"pooled": pooled.numpy() * UNIT, "value": value * UNIT}
    return inputs.kept | {"switches": switches.numpy().astype(np.uint8)} | {
        name: array.astype(np.int16) for name, array in whole.items()
    }


def bugs():
    """Where Addons is wrong. test_tfa.py names each and says what is right."""
    losses, four = tfa.losses, np.eye(4, dtype=np.float32)
    apart, one = np.arange(4), np.zeros(4, np.int32)
    pairs, far = np.array([0, 0, 1, 1]), np.float32([[0, 0], [200, 0], [1, 0], [201, 0]])
    clusters = np.float32([[0, 0], [1, 0], [500, 0], [501, 0]])
    similarity = np.float16([[5, 0], [0, 5]])
    half = np.float32([[20.0]])
    checks = np.where(np.indices([4, 4]).sum(0) % 2, 600, -600)[None, :, :, None]
    norm = tfa.layers.InstanceNormalization(dtype="float16")
    grid = np.float32([[[1, 1]]])
    ramp = np.float32([0, 1, 4]) * np.ones([3, 1], np.float32)
    resample = value_and_gradients(lambda p: tfa.image.resampler(ramp[None, ..., None], p), grid)
    return {
        "semihard_no_positive": losses.triplet_semihard_loss(apart, four),
        "semihard_one_class": losses.triplet_semihard_loss(one, four),
        "hard_one_class": losses.triplet_hard_loss(one, four),
        "soft_far": losses.triplet_hard_loss(pairs, far, soft=True),
        "lifted_no_positive": losses.lifted_struct_loss(tf.constant(apart), tf.constant(four)),
        "lifted_one_class": losses.lifted_struct_loss(tf.constant(one), tf.constant(four)),
        "lifted_far": losses.lifted_struct_loss(tf.constant(pairs), tf.constant(clusters)),
        "npairs_float16": losses.npairs_loss([2048, 2049], similarity),
        "focal_gamma_half": value_and_gradients(
            lambda x: losses.sigmoid_focal_crossentropy(
                [[1.0]], x, gamma=0.5, from_logits=True), half)[1][0],
        "instance_float16": norm(checks.astype(np.float16)),
        "resampler_gradient": resample[1][0],
        "float64_refused": refused(lambda: losses.triplet_hard_loss(pairs, far.astype(float))),
        "collinear_refused": refused(collinear),
        "one_row_refused": refused(
            lambda: tfa.image.dense_image_warp(np.zeros([1, 1, 5, 1]), np.zeros([1, 1, 5, 2]))),
    }


def collinear():
    points = np.array([[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]])
    return tfa.image.interpolate_spline(points, points, points, 2)


def refused(function):
    try:
        return not np.all(np.isfinite(function()))
    except (TypeError, tf.errors.InvalidArgumentError):
        return True


def names():
    """What Addons offers, by module: nothing may be forgotten."""
    parts = ("activations", "callbacks", "image", "layers", "losses", "metrics", "optimizers",
             "rnn", "seq2seq", "text")
    return {part: np.array([name for name in dir(getattr(tfa, part)) if is_public(part, name)])
            for part in parts}


def is_public(part, name):
    return name[0] != "_" and callable(getattr(getattr(tfa, part), name))


RECORDS = (
    names, contrastive, metric, npairs, giou, focal, spline, sparse_image_warp, dense_image_warp,
    resampler, rotate, transform, normalisation, unpooling, bugs,
)


def main():
    """Runs every record; floats are stored in single precision."""
    arrays = {}
    for record in RECORDS:
        for name, value in record().items():
            value = np.asarray(value)
            value = value.astype(np.float32) if value.dtype == np.float64 else value
            arrays[f"{record.__name__}/{name}"] = value
    np.savez_compressed(FILE, **arrays)
    print(f"{FILE}: {len(arrays)} arrays, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
