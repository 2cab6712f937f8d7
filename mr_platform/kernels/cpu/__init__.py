"""Compiled (numba) implementations: the same functions as in ``reference``, fast on one core.

Compiled with ``cache=True`` so that only the first run after an install pays, without ``fastmath`` because NaN carries
meaning, and without ``prange`` because symbol-days, not minutes, are what is spread over processes.
Large results are allocated by NumPy outside the compiled code: NumPy asks the kernel for huge pages, the compiled
code's allocator does not, and first touching 4 KiB at a time then costs more than the work.
"""
