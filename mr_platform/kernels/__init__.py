"""Array functions: a readable reference and a compiled twin for each."""
