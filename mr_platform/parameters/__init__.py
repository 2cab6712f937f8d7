"""Typed parameters that steer components, labels and learning."""
