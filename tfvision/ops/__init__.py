"""Pure functions on tensors: no variables, no randomness, one formulation for every runtime."""

from tfvision.ops.grid_sample import grid_sample
from tfvision.ops.noise import example_normal, example_uniform
from tfvision.ops.schedules import linear_ramp
from tfvision.ops.tiles import join_tiles, split_tiles

__all__ = [
    "example_normal",
    "example_uniform",
    "grid_sample",
    "join_tiles",
    "linear_ramp",
    "split_tiles",
]
