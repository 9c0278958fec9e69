"""Keras layers; with tfvision.models the only place that owns weights."""

from tfvision.layers.image_conv import ImageConv2D
from tfvision.layers.norms import (
    FusedBatchNormalization,
    InstanceNormalization,
    LayerNormalization,
)
from tfvision.layers.point_sets import DenseNorm, DenseNormMax
from tfvision.layers.posteriors import DiagonalGaussian, FullGaussian
from tfvision.layers.spatial_transformer import SpatialTransformer

__all__ = [
    "DenseNorm",
    "DenseNormMax",
    "DiagonalGaussian",
    "FullGaussian",
    "FusedBatchNormalization",
    "ImageConv2D",
    "InstanceNormalization",
    "LayerNormalization",
    "SpatialTransformer",
]
