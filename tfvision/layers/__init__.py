"""Keras layers; with tfvision.models the only place that owns weights."""

from tfvision.layers.norms import FusedBatchNormalization, LayerNormalization
from tfvision.layers.posteriors import DiagonalGaussian, FullGaussian

__all__ = ["DiagonalGaussian", "FullGaussian", "FusedBatchNormalization", "LayerNormalization"]
