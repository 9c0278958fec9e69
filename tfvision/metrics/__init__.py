"""Metrics: functions of predictions and labels, and evaluators of whole data sets."""
