"""`s4audio demo`: a model in a web page, on the microphone or recordings."""

import tempfile
from pathlib import Path

from jsonargparse import ArgumentParser

from s4audio.errors import UserError

PACKAGE = Path("node_modules", "onnxruntime-web")
"""Where `npm install onnxruntime-web` puts it."""


def run(command: str, arguments: list[str]) -> int:
    """Parse the words after `demo` and serve until Ctrl+C.

    Args:
        command: Name of the command.
        arguments: The words after it.

    Returns:
        Exit code.

    Raises:
        ParityError: The exported model would not give the model's answers.
    """
    parser = ArgumentParser(
        prog=f"s4audio {command}",
        description="Serve a web page that runs a model on the microphone or on recordings, in "
        "the browser. It needs onnxruntime-web: run `npm install onnxruntime-web` once.",
        exit_on_error=False,
    )
    parser.add_function_arguments(demo, as_group=False, as_positional=True)
    options = parser.parse_args(arguments)
    demo(options.model, options.port, options.runtime)
    return 0


def demo(model: str, port: int = 8000, runtime: Path | None = None) -> None:
    """Serve the page with a model.

    Args:
        model: An .onnx file of `s4audio export`, a .ckpt of `s4audio fit`, a folder of
            `save_pretrained`, a shipped name, or hf-hub:OWNER/NAME.
        port: Port of this computer; 0 takes any that is free.
        runtime: Folder of onnxruntime-web. None: where npm puts it in this folder.

    Raises:
        UserError: The model cannot stream, onnxruntime-web is missing, or the port is taken.
    """
    from s4audio.demo import DemoServer

    folder = _runtime(runtime)
    with DemoServer(_onnx(model), folder, port) as server:
        print(f"{model} is at {server.url}; Ctrl+C ends", flush=True)
        server.serve_forever()


def _runtime(folder: Path | None) -> Path:
    """The folder of onnxruntime-web."""
    from s4audio.demo.server import PAGE

    places = [PACKAGE, PAGE / PACKAGE] if folder is None else [folder]
    for place in places:
        if (place / "dist" / "ort.wasm.min.mjs").is_file():
            return place
    raise UserError(
        f"no onnxruntime-web at {places[0]}: run npm install onnxruntime-web, or name its folder "
        "with --runtime"
    )


def _onnx(model: str) -> bytes:
    """The bytes of a file that streams."""
    from s4audio.streaming import Stream

    path = Path(model)
    if path.suffix.lower() == ".onnx":
        Stream(path)  # refuses what is missing, damaged or another program's
        return path.read_bytes()
    import s4audio
    from s4audio.export import export_onnx

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "model.onnx")
        export_onnx(s4audio.load(model), path)
        return path.read_bytes()
