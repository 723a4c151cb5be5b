"""What the demo's server hands out, and what it keeps."""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from s4audio.demo import DemoServer
from s4audio.demo.server import PAGE
from s4audio.errors import UserError


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """Stands for onnxruntime-web."""
    folder = tmp_path / "onnxruntime-web"
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / "ort.wasm.min.mjs").write_text("export const env = {};")
    (folder / "dist" / "ort-wasm.wasm").write_bytes(b"\0asm")
    (folder / ".secret.js").write_text("secret")
    (tmp_path / "outside.js").write_text("outside")
    return folder


@pytest.fixture
def server(runtime: Path) -> Iterator[DemoServer]:
    with DemoServer(b"a model", runtime, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(server: DemoServer, path: str) -> tuple[int, str | None, bytes]:
    """Status, type and body; the path is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "kind", "file"),
    [
        ("/", "text/html; charset=utf-8", "index.html"),
        ("/index.html?again", "text/html; charset=utf-8", "index.html"),
        ("/style.css", "text/css; charset=utf-8", "style.css"),
        ("/page.js", "text/javascript; charset=utf-8", "page.js"),
    ],
)
def test_the_page(server: DemoServer, path: str, kind: str, file: str) -> None:
    assert get(server, path) == (200, kind, (PAGE / file).read_bytes())


def test_the_model_and_the_runtime(server: DemoServer) -> None:
    assert get(server, "/model.onnx") == (200, "application/octet-stream", b"a model")
    folder = "/node_modules/onnxruntime-web/dist/"
    assert get(server, f"{folder}ort-wasm.wasm") == (200, "application/wasm", b"\0asm")
    status, kind, _ = get(server, f"{folder}ort.wasm.min.mjs")
    assert (status, kind) == (200, "text/javascript; charset=utf-8")


@pytest.mark.parametrize(
    "path",
    [
        "/missing.js",
        "/package.json",
        "/..",
        "/../server.js",
        "/node_modules/onnxruntime-web/../outside.js",
        "/node_modules/onnxruntime-web/%2e%2e/outside.js",
        "/node_modules/onnxruntime-web/..%5coutside.js",
        "/node_modules/onnxruntime-web/.secret.js",
        "//etc/passwd",
        "/page.js%00.html",
        "/test",
    ],
)
def test_nothing_else(server: DemoServer, path: str) -> None:
    assert get(server, path)[0] == 404


def test_a_page_without_a_model(runtime: Path) -> None:
    with DemoServer(None, runtime, 0) as server:
        assert server.content("/model.onnx") is None
        assert server.content("/") is not None


def test_a_port_that_is_taken(server: DemoServer, runtime: Path) -> None:
    with pytest.raises(UserError, match=f"cannot serve at port {server.server_port}: .*another"):
        DemoServer(None, runtime, server.server_port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_does_not_exist(runtime: Path, port: int) -> None:
    with pytest.raises(UserError, match=f"cannot serve at port {port}: .*choose another"):
        DemoServer(None, runtime, port)
