"""A headless Chromium that is driven over its DevTools pipe."""

import base64
import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60  # seconds, of a busy machine


class Browser:
    """One tab of a headless Chromium.

    Args:
        program: path of Chromium.
        profile: an empty folder.
        microphone: a recording that the microphone hears once, from when it is opened.
    """

    def __init__(self, program: str, profile: Path, microphone: Path) -> None:
        to_browser, self._commands = os.pipe()
        self._answers, from_browser = os.pipe()
        flags = [
            "--headless=new",
            "--no-sandbox",  # root, a container's only user, has none
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--mute-audio",
            "--window-size=1000,760",
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}%noloop",
        ]
        # Chromium reads its commands from 3 and answers on 4.
        redirect = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        self._process = subprocess.Popen(
            ["bash", "-c", redirect, "bash", program, *flags],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._received = b""
        self._calls = 0
        self._session: str | None = None
        self.notices: list[dict[str, Any]] = []
        """What the browser told without being asked."""
        target = self.call("Target.createTarget", {"url": "about:blank"})
        attach = {"targetId": target["targetId"], "flatten": True}
        self._session = self.call("Target.attachToTarget", attach)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable", {})

    def call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Run a command of the DevTools protocol."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._calls:
                assert "error" not in answer, answer
                return answer["result"]
            self.notices.append(answer)

    def evaluate(self, expression: str) -> Any:
        """Value of an expression in the page."""
        parameters = {"expression": expression, "returnByValue": True, "userGesture": True}
        answer = self.call("Runtime.evaluate", parameters)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Value of an expression as soon as it is true."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if value := self.evaluate(expression):
                return value
            time.sleep(0.05)
        pytest.fail(
            f"never true: {expression}; the page: {self.evaluate('document.body.innerText')}"
        )

    def open_file(self, path: Path) -> None:
        """Choose a file in the page's file input."""
        root = self.call("DOM.getDocument", {})["root"]["nodeId"]
        query = {"nodeId": root, "selector": "#file"}
        node = self.call("DOM.querySelector", query)["nodeId"]
        self.call("DOM.setFileInputFiles", {"nodeId": node, "files": [str(path)]})

    def photograph(self, path: Path) -> None:
        """Write what the page looks like as PNG."""
        picture = self.call("Page.captureScreenshot", {"format": "png"})["data"]
        path.write_bytes(base64.b64decode(picture))

    def permit_microphone(self, setting: str) -> None:
        """Answer the question for the microphone: `granted` or `denied`."""
        permission = {"permission": {"name": "microphone"}, "setting": setting}
        self.call("Browser.setPermission", permission)

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(PATIENCE)
        os.close(self._commands)
        os.close(self._answers)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._answers], [], [], PATIENCE)
            part = os.read(self._answers, 1 << 20) if ready else b""
            assert part, "Chromium does not answer"
            self._received += part
        message, self._received = self._received.split(b"\0", 1)
        return json.loads(message)
