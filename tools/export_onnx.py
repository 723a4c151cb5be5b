r"""Write a causal model as one ONNX file that runs on a stream of audio.

    python tools/export_onnx.py runs/quickstart_s4d/version_0/checkpoints/best.ckpt model.onnx

`s4audio export` does the same with more options; this script shows the few calls it takes.
"""

import argparse
import sys
from pathlib import Path

import s4audio
from s4audio.export import ParityError, export_onnx


def main() -> None:
    """Load the model, export it, print how it compares."""
    parser = argparse.ArgumentParser(description="Export a causal model to ONNX.")
    parser.add_argument("model", help="checkpoint, folder or name of a shipped model")
    parser.add_argument("output", type=Path, help="the .onnx file to write")
    parser.add_argument("--rate", type=float, default=1.0, help="training rate / audio's rate")
    parser.add_argument("--quantize", choices=["int8"], help="8-bit weights of linear layers")
    options = parser.parse_args()

    model = s4audio.load(options.model)
    report = export_onnx(model, options.output, options.rate, options.quantize)
    print(f"{report.path}, compared with PyTorch:")
    for version in report.versions:
        print(
            f"{version.weights}: differs by at most {version.difference:.1e} of the largest logit, "
            f"{version.bytes / 1e6:.2f} MB, {version.speed:.3f} s a second"
        )


if __name__ == "__main__":
    try:
        main()
    except ParityError as error:
        print(f"export_onnx: {error}", file=sys.stderr)
        sys.exit(1)
    except (ValueError, OSError) as error:
        print(f"export_onnx: {error}", file=sys.stderr)
        sys.exit(2)
