"""Taxonomies, labels, rule classification, transitions and positions."""
