"""Sessions, instruments, the dense symbol-day and the embedded market."""
