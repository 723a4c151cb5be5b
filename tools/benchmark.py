"""Measure time, memory and error of every part on this machine.

    python tools/benchmark.py --quick --output benchmark

`s4audio benchmark` does the same; this script shows the one call it takes.
"""

import argparse
import sys
from pathlib import Path

from s4audio.benchmark.run import run_benchmark
from s4audio.benchmark.suites import SUITES


def main() -> None:
    """Run the suites and write the report."""
    parser = argparse.ArgumentParser(description="Measure s4audio on this machine.")
    parser.add_argument("--suites", nargs="+", metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--quick", action="store_true", help="small sizes, half a minute")
    parser.add_argument("--output", type=Path, default=Path("benchmark"), help="folder to write")
    parser.add_argument("--threads", type=int, help="threads of each case (default: all)")
    parser.add_argument("--repeats", type=int, help="processes a case (default: 3, quick: 1)")
    parser.add_argument("--published", type=Path, metavar="FOLDER", help="of the papers' own code")
    options = parser.parse_args()

    run_benchmark(
        options.suites,
        options.quick,
        options.output,
        options.threads,
        options.repeats,
        published=options.published,
    )


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        sys.exit(2)
