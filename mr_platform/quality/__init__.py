"""Validation rules and the quality report."""
