"""Losses: functions of tensors, one value per example or pixel, unreduced."""
