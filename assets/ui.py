"""Entry point of ``mr ui``: the web server and the daemon on workspace.yaml, one process group."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from assets.instance import PROJECT, prepare_instance, process_environment
from mr_platform.environments import Home


def main(arguments: list[str] | None = None) -> int:
    """Run until interrupted; the exit code of Dagster."""
    parser = argparse.ArgumentParser(prog="assets.ui", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, default=3000)
    options = parser.parse_args(arguments)
    home = Home(options.home.resolve())
    prepare_instance(home)
    sys.stderr.write(f"Dagster UI: http://127.0.0.1:{options.port} (home {home.root}); Ctrl-C ends it\n")
    command = [sys.executable, "-m", "dagster", "dev", "--workspace", str(PROJECT / "workspace.yaml")]
    command += ["--host", "127.0.0.1", "--port", str(options.port)]
    environment = process_environment(home, os.environ)
    process = subprocess.Popen(command, env=environment, cwd=PROJECT)
    try:
        return process.wait()
    except KeyboardInterrupt:
        # the terminal has sent the signal to Dagster too: wait for it to end its processes
        process.wait()
        return 0


if __name__ == "__main__":
    sys.exit(main())
