"""A headless Chromium driven by its own debugging protocol: open a page, read what it shows, take a picture."""

from __future__ import annotations

import base64
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator import free_port, wait_for
from websockets.sync.client import ClientConnection, connect

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1000",
)


class Browser:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its result; events in between are passed over."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def evaluate(self, expression: str) -> Any:
        """Value of a JavaScript expression in the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def open(self, url: str, word: str, seconds: float = 90) -> None:
        """Go to a page and wait until it shows ``word``."""
        self.call("Page.navigate", url=url)
        self.wait(word, seconds)

    def wait(self, word: str, seconds: float = 90) -> None:
        """Until the page shows ``word``."""
        wait_for(lambda: word in (self.text() or ""), seconds, f"the page shows {word!r}")

    def text(self) -> str:
        """What a person can read on the page."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def picture(self, path: Path) -> None:
        """What the page looks like, as PNG."""
        time.sleep(1)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser(chromium: str, profile: Path) -> Iterator[Browser]:
    """A fresh Chromium with a profile of its own, ended afterwards."""
    port = free_port()
    command = [chromium, *FLAGS, f"--remote-debugging-port={port}", f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def tab() -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
                pages = [entry for entry in json.load(answer) if entry["type"] == "page"]
        except (urllib.error.URLError, ConnectionError):
            return None
        return str(pages[0]["webSocketDebuggerUrl"]) if pages else None

    try:
        with connect(wait_for(tab, 60, "chromium answers"), max_size=64 << 20) as socket:
            yield Browser(socket)
    finally:
        process.terminate()
        process.wait(timeout=20)
