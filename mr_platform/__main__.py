"""``python -m mr_platform`` is ``mr``."""

from mr_platform.cli import main

main()
