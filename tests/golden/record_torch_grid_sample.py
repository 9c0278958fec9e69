"""Writes torch_grid_sample.npz: random inputs, and what PyTorch's grid_sample makes of them.

    python3 -m venv venv-torch
    venv-torch/bin/pip install torch==2.13.0 numpy
    venv-torch/bin/python tests/golden/record_torch_grid_sample.py

CASES images for every padding, both align_corners and each of SHAPES. Images and upstream gradients
are whole numbers, so that they are small on disk and exact.
"""

import itertools
from pathlib import Path

import numpy as np
import torch

FILE = Path(__file__).with_name("torch_grid_sample.npz")
CASES = 12
POINTS = 6
SHAPES = ((4, 5, 2), (1, 7, 1), (6, 3, 3))  # h, w, c
PADDINGS = ("zeros", "border", "reflection")


def record(random, shape, padding, align_corners):
    """Inputs and outputs, NHWC, by name."""
    h, w, c = shape
    image = random.integers(-99, 100, [CASES, h, w, c]).astype(np.int8)
    upstream = random.integers(-99, 100, [CASES, POINTS, c]).astype(np.int8)
    grid = random.uniform(-2.5, 2.5, [CASES, POINTS, 2]).astype(np.float32)
    planes = torch.tensor(image.astype(np.float32).transpose(0, 3, 1, 2), requires_grad=True)
    places = torch.tensor(grid[:, None], requires_grad=True)
    value = torch.nn.functional.grid_sample(
        planes, places, padding_mode=padding, align_corners=align_corners
    )
    value.backward(torch.tensor(upstream.astype(np.float32).transpose(0, 2, 1)[:, :, None]))
    return {
        "image": image, "grid": grid, "upstream": upstream,
        "value": value.detach().numpy()[:, :, 0].transpose(0, 2, 1),
        "image_gradient": planes.grad.numpy().transpose(0, 2, 3, 1),
        "grid_gradient": places.grad.numpy()[:, 0],
    }


def main():
    """Runs every combination."""
    random, arrays = np.random.default_rng(0), {}
    for k, padding, align in itertools.product(range(len(SHAPES)), PADDINGS, (False, True)):
        for name, value in record(random, SHAPES[k], padding, align).items():
            arrays[f"{k}/{padding}/{int(align)}/{name}"] = value
    np.savez_compressed(FILE, **arrays)
    print(f"{FILE}: {len(arrays)} arrays, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
