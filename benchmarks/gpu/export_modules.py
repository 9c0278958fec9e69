"""Writes operations as XLA modules for a GPU; run_modules.py times them without TensorFlow.

    python benchmarks/gpu/export_modules.py modules
    python benchmarks/gpu/export_modules.py modules --only nms --small

A folder gets, for each module, NAME.bin (serialized StableHLO) and NAME.npz (samples of what the
same module gives on this machine's CPU), and modules.json. Inputs are not stored: they are uniform
numbers of a seed, made anew by arrays.py.
"""

import argparse
import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from arrays import random_inputs, sample

from tfvision import __version__, ops
from tfvision.layers import point_sets

EXACT, MATMUL = 1e-5, 5e-3  # Of the largest output; GPUs multiply matrices in TensorFloat-32.


@dataclasses.dataclass(frozen=True)
class Module:
    """A function of uniform numbers.

    inputs     (shape, low, high) of each, float32
    flops      arithmetic that the answer needs at least, or None where that says nothing
    tolerance  how far outputs may differ, of the largest; integers must be equal
    """

    name: str
    function: Callable
    inputs: list
    flops: int | None = None
    tolerance: float = EXACT


def main():
    """Writes the modules that are asked for."""
    flags = parser().parse_args()
    flags.folder.mkdir(parents=True, exist_ok=True)
    chosen = [m for m in modules(flags.small) if flags.only in m.name]
    entries = [write(flags.folder, seed, module) for seed, module in enumerate(chosen)]
    about = {"tfvision": __version__, "tensorflow": tf.__version__, "modules": entries}
    (flags.folder / "modules.json").write_text(json.dumps(about, indent=2) + "\n")
    print(f"{flags.folder}: {len(entries)} modules")


def parser():
    """The flags of this script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="Where to write.")
    parser.add_argument("--only", default="", help="Modules with this in their name.")
    parser.add_argument("--small", action="store_true", help="Small inputs: to try it on a CPU.")
    return parser


def write(folder, seed, module):
    """Writes the two files of a module; returns its entry in modules.json."""
    entry = {"name": module.name, "seed": seed, "inputs": module.inputs, "flops": module.flops,
             "tolerance": module.tolerance}
    arrays = [tf.constant(array) for array in random_inputs(entry)]
    compiled = tf.function(flat(module.function), jit_compile=True, autograph=False)
    make = compiled.experimental_get_compiler_ir(*arrays)
    blob = make(stage="stablehlo_serialized", platform_name="GPU")
    outputs = [output.numpy() for output in compiled(*arrays)]
    (folder / f"{module.name}.bin").write_bytes(blob)
    samples = {f"output_{i}": sample(output) for i, output in enumerate(outputs)}
    np.savez_compressed(folder / f"{module.name}.npz", **samples)
    print(f"{module.name}: {len(blob)} bytes of StableHLO", flush=True)
    return entry | {"moved": sum(a.nbytes for a in [*random_inputs(entry), *outputs])}


def flat(function):
    """The function with a list of tensors for a result, whatever it returns."""
    return lambda *tensors: tf.nest.flatten(function(*tensors))


def modules(small):
    """Yields every module."""
    yield from samplers(small)
    yield from suppressions(small)
    yield from region_features(small)
    yield from heat_maps(small)
    yield from point_set_layers(small)


def samplers(small):
    """Reads at a displaced grid, and their gradients to image and points."""
    sizes = [(2, 32, 32, 8), (2, 32, 32, 3)] if small else [
        (8, 64, 64, 64), (16, 256, 256, 64), (8, 256, 256, 3), (32, 512, 512, 3)]
    for b, h, w, c in sizes:
        image, shift = ((b, h, w, c), 0, 1), ((b, h, w, 2), -4, 4)
        name, pixels = f"{b}x{h}x{w}x{c}", b * h * w
        yield Module(f"grid_sample_{name}", displaced, [image, shift], 8 * pixels * c)
        yield Module(f"grid_sample_gradient_{name}", displaced_gradient, [image, shift, image],
                     24 * pixels * c, 1e-4)


def displaced(image, shift):
    """The image read at its own pixels plus a shift."""
    x, y = tf.range(image.shape[2]), tf.range(image.shape[1])
    places = tf.cast(tf.stack(tf.meshgrid(x, y), -1), tf.float32)
    return ops.grid_sample(image, places + shift)


def displaced_gradient(image, shift, upstream):
    """Gradients of `displaced` to both of its inputs."""
    with tf.GradientTape() as tape:
        tape.watch([image, shift])
        value = displaced(image, shift)
    return tape.gradient(value, [image, shift], upstream)


def suppressions(small):
    """Both forms of NMS, each with few and with all survivors wanted."""
    sizes = [(2, 500, 50)] if small else [(1, 1000, 100), (1, 5000, 300), (8, 5000, 300),
                                          (1, 5000, 5000), (1, 20000, 1000)]
    for b, n, k in sizes:
        inputs = [((b, n, 2), 0, 600), ((b, n, 2), 8, 200), ((b, n), 0, 1)]
        for impl in ("matrix", "tiles"):
            function = functools.partial(suppress, k=k, impl=impl)
            yield Module(f"nms_{impl}_{b}x{n}_{k}", function, inputs)


def suppress(corner, size, scores, *, k, impl):
    """NMS of boxes given by their corner and size."""
    boxes = tf.concat([corner, corner + size], -1)
    return ops.nms(boxes, scores, k=k, iou_threshold=0.5, impl=impl)


def region_features(small):
    """RoIAlign, 7 x 7 bins of 2 x 2 points, and its gradient to the map."""
    maps = [(1, 25, 25, 16, 20)] if small else [(1, 50, 50, 256, 512), (2, 100, 100, 256, 512),
                                                (1, 200, 200, 256, 512)]
    for b, h, w, c, r in maps:
        features, reach = ((b, h, w, c), 0, 1), 4 * min(h, w)
        boxes = [((b, r, 2), 0, reach / 2), ((b, r, 2), reach / 16, reach / 2)]
        work, name = 8 * 4 * 49 * b * r * c, f"{b}x{h}x{w}x{c}_{r}"
        yield Module(f"roi_align_{name}", align, [features, *boxes], work)
        bins = ((b, r, 7, 7, c), -1, 1)
        yield Module(f"roi_align_gradient_{name}", align_gradient, [features, *boxes, bins], work,
                     1e-4)


def align(features, corner, size):
    """RoIAlign of a map with a stride of 4 px."""
    boxes = tf.concat([corner, corner + size], -1)
    return ops.roi_align(features, boxes, size=7, stride=4, impl="gather")


def align_gradient(features, corner, size, upstream):
    """Its gradient to the map."""
    with tf.GradientTape() as tape:
        tape.watch(features)
        value = align(features, corner, size)
    return tape.gradient(value, features, upstream)


def heat_maps(small):
    """Soft-argmax, and the peaks of belief maps."""
    b, h, w, k = (2, 16, 16, 3) if small else (64, 128, 128, 16)
    name = f"{b}x{h}x{w}x{k}"
    scores = [((b, h, w, k), -3, 3)]
    yield Module(f"soft_argmax_{name}", ops.soft_argmax, scores, 8 * b * h * w * k, 1e-3)
    find = functools.partial(ops.heatmap_peaks, count=32, radius=1, threshold=0.1)
    yield Module(f"heatmap_peaks_{name}", find, scores)


def point_set_layers(small):
    """Dense, batch norm, ReLU and maximum over points in one, 128 to 1024: values and gradients."""
    b, n, k, c = (2, 64, 16, 32) if small else (32, 1024, 128, 1024)
    inputs = [((b, n, k), -1, 1), ((k, c), -0.1, 0.1), ((c,), 0.5, 2), ((c,), -1, 1)]
    name = f"{b}x{n}_{k}_{c}"
    work = 2 * b * n * k * c
    yield Module(f"dense_norm_max_{name}", fused, inputs, work, MATMUL)
    gradient = functools.partial(both_gradients, fused)
    yield Module(f"dense_norm_max_gradient_{name}", gradient, [*inputs, ((b, c), -1, 1)],
                 work + 4 * b * n * k * k, MATMUL)
    plain = functools.partial(both_gradients, unfused)
    yield Module(f"unfused_gradient_{name}", plain, [*inputs, ((b, c), -1, 1)], 3 * work, MATMUL)


def fused(points, kernel, gain, offset):
    """layers.DenseNormMax while it trains."""
    return point_sets.dense_norm_max(points, kernel, gain, offset, epsilon=1e-3)[0]


def unfused(points, kernel, gain, offset):
    """The same as four operations, as a network would have them."""
    product = points @ kernel
    mean = tf.reduce_mean(product, [0, 1])
    variance = tf.reduce_mean((product - mean) ** 2, [0, 1])
    normal = (product - mean) * tf.math.rsqrt(variance + 1e-3)
    return tf.reduce_max(tf.nn.relu(normal * gain + offset), 1)


def both_gradients(function, points, kernel, gain, offset, upstream):
    """The value of a layer, and its gradients to points and kernel."""
    with tf.GradientTape() as tape:
        tape.watch([points, kernel])
        value = function(points, kernel, gain, offset)
    return value, *tape.gradient(value, [points, kernel], upstream)


if __name__ == "__main__":
    main()
