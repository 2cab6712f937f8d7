"""The declarations: one module a topic, each with ``declarations()``. Tables of data; no rule is executed here."""
