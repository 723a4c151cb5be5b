r"""Evaluate a model at sample rates it was not trained on.

    python tools/evaluate_resampled.py runs/subset_s4/version_0/checkpoints/best.ckpt recordings \
        --rates 16000 8000 11025 --output report

`s4audio evaluate` does the same and also finds the data a checkpoint was trained on; this script
shows the few calls it takes.
"""

import argparse
import sys
from pathlib import Path

import s4audio
from s4audio.data import open_audio
from s4audio.evaluation import evaluate


def main() -> None:
    """Load the model, open the recordings, sweep the rates."""
    parser = argparse.ArgumentParser(description="Evaluate a model at other sample rates.")
    parser.add_argument("model", help="checkpoint, folder or name of a shipped model")
    parser.add_argument("recordings", type=Path, help="Speech Commands, folders or a CSV table")
    parser.add_argument("--rates", type=int, nargs="+", default=[16_000, 8_000], metavar="HZ")
    parser.add_argument("--output", type=Path, help="folder for tables and pictures")
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()

    model = s4audio.load(options.model)
    data = open_audio(options.recordings, labels=model.labels, sample_rate=model.sample_rate)
    data.prepare_data()
    evaluate(model, data.split("testing"), options.rates, options.output, options.batch_size)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        print(f"evaluate_resampled: {error}", file=sys.stderr)
        sys.exit(2)
