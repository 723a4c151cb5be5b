"""Downloads against a server on this machine that drops the line."""

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from s4audio.data.download import download
from s4audio.errors import UserError

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(HTTPServer):
    """Sends CONTENT; `limit` bytes at most an answer, with or without ranges."""

    limit = len(CONTENT)
    ranges = True
    starts: list[int]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and self.server.ranges else 0
        self.server.starts.append(start)
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : start + self.server.limit])

    def log_message(self, *arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.starts = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/file"


def test_whole_file_and_no_second_download(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    download(address(server), path, SHA256)
    assert path.read_bytes() == CONTENT
    download(address(server), path, SHA256)
    assert server.starts == [0]


@pytest.mark.parametrize("ranges", [True, False])
def test_interrupted_download_is_continued(server: Server, tmp_path: Path, ranges: bool) -> None:
    path = tmp_path / "file"
    server.limit, server.ranges = 100_000, ranges
    with pytest.raises(UserError, match="run the same command again to continue"):
        download(address(server), path, SHA256)
    assert not path.exists()
    server.limit = len(CONTENT)
    download(address(server), path, SHA256)
    assert path.read_bytes() == CONTENT
    assert server.starts == [0, 100_000 if ranges else 0]


def test_complete_part_is_only_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT)
    download(address(server), tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_wrong_checksum_removes_the_file(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has the checksum"):
        download(address(server), tmp_path / "file", "0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be downloaded"):
        download("http://127.0.0.1:9/file", tmp_path / "file", SHA256)
