"""Convert weights of the state-spaces repository.

    python tools/import_checkpoint.py weights.ckpt config.yaml converted

`s4audio import-checkpoint` does the same; this script shows the calls it takes.
"""

import argparse
import sys
from pathlib import Path

import s4audio
from s4audio.interop import import_checkpoint


def main() -> None:
    """Convert, save, and load again to say what came out."""
    parser = argparse.ArgumentParser(description="Convert state-spaces weights.")
    parser.add_argument("weights", type=Path, help=".pt, .pth or .ckpt with a state dictionary")
    parser.add_argument("config", type=Path, help="JSON or YAML with the options of the network")
    parser.add_argument("output", type=Path, help="folder to write")
    options = parser.parse_args()

    import_checkpoint(options.weights, options.config, options.output)
    model = s4audio.load(options.output)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{options.output}: {model.config.kind}, {parameters:,} parameters, {model.labels}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        print(f"import_checkpoint: {error}", file=sys.stderr)
        sys.exit(2)
