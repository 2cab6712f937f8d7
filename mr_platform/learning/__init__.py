"""Splits, baselines, training, evaluation and the model registry."""
