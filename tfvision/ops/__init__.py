"""Pure functions on tensors: no variables, no randomness, one formulation for every runtime."""

from tfvision.ops.area_resize import area_resize
from tfvision.ops.compiling import compiled, exporting, portable
from tfvision.ops.gaussian import is_diagonal, log_variance, reparametrise
from tfvision.ops.grid_sample import grid_sample
from tfvision.ops.noise import example_normal, example_uniform
from tfvision.ops.pairwise import pairwise_distances
from tfvision.ops.schedules import linear_ramp
from tfvision.ops.tiles import join_tiles, split_tiles

__all__ = [
    "area_resize",
    "compiled",
    "example_normal",
    "example_uniform",
    "exporting",
    "grid_sample",
    "is_diagonal",
    "join_tiles",
    "linear_ramp",
    "log_variance",
    "pairwise_distances",
    "portable",
    "reparametrise",
    "split_tiles",
]
