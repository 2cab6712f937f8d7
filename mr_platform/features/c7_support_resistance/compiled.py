"""How functions that only compiled code calls are compiled: without an entry from Python.

Each entry unpacks the session's thirty arrays, which took more time to compile than what most of them do.
"""

from __future__ import annotations

from numba import njit

inner = njit(cache=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
