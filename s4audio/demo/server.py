"""The page's server: its files, one model and onnxruntime-web, for browsers on this computer."""

import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from s4audio.errors import UserError

PAGE = Path(__file__).parent / "page"

HOST = "127.0.0.1"
"""Browsers give the microphone to pages of the computer they run on, or over https."""

MODEL = "/model.onnx"
RUNTIME = "/node_modules/onnxruntime-web/"
"""Where the page looks for its model and for onnxruntime-web."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".wasm": "application/wasm",
}
"""What is served; browsers compile WebAssembly as it arrives only if its type says so."""

PLAIN = re.compile(r"(/\w[\w.-]*)+", re.ASCII)
"""Paths of files below a folder: none of their names begins with a dot."""


class DemoServer(ThreadingHTTPServer):
    """Serves the page at `url` from when it is made until it is closed.

    Args:
        model: bytes of a file of `s4audio export`; None for a page that waits for one to be opened.
        runtime: folder of onnxruntime-web, as npm installs it.
        port: of this computer; 0 for any that is free.

    Attributes:
        url: address of the page.

    Raises:
        UserError: another program has the port, or it may not be used.
    """

    daemon_threads = True

    def __init__(self, model: bytes | None, runtime: Path, port: int) -> None:
        self.model, self.runtime = model, runtime
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"cannot serve at port {port}: {reason}; choose another") from error
        self.url = f"http://{HOST}:{self.server_port}/"

    def content(self, path: str) -> tuple[bytes, str] | None:
        """What stands at a path of the address, and its type.

        Args:
            path: begins with a slash.

        Returns:
            None if there is nothing, or nothing that may be seen.
        """
        if path == MODEL:
            return None if self.model is None else (self.model, "application/octet-stream")
        path = "/index.html" if path == "/" else path
        if not PLAIN.fullmatch(path):
            return None
        if path.startswith(RUNTIME):
            file = self.runtime / path.removeprefix(RUNTIME)
        else:
            file = PAGE / path.removeprefix("/")
        if file.suffix not in TYPES or not file.is_file():
            return None
        return file.read_bytes(), TYPES[file.suffix]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser may hang up whenever it likes; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: DemoServer

    def do_GET(self) -> None:
        """Answer a request."""
        found = self.server.content(urlsplit(self.path).path)
        if found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        body, kind = found
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-cache")  # the next model has the same address
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not worth a line."""
