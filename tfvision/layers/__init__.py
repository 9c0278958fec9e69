"""Keras layers; with tfvision.models the only place that owns weights."""

from tfvision.layers.norms import FusedBatchNormalization

__all__ = ["FusedBatchNormalization"]
