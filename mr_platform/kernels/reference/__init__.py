"""Readable NumPy implementations: the meaning of every kernel, and the oracle of its compiled twin."""
