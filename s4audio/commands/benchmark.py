"""`s4audio benchmark`: time, memory and error of every part on this machine."""

from pathlib import Path

from jsonargparse import ArgumentParser

from s4audio.benchmark.suites import SUITES


def run(command: str, arguments: list[str]) -> int:
    """Parse the words after `benchmark` and measure.

    Args:
        command: Name of the command.
        arguments: The words after it.

    Returns:
        Exit code.
    """
    parser = ArgumentParser(
        prog=f"s4audio {command}",
        description="Measure time, memory and error of kernels, convolutions, blocks and training "
        "steps on this machine.",
        exit_on_error=False,
    )
    parser.add_argument(
        "--suites",
        nargs="+",
        choices=list(SUITES),
        metavar="SUITE",
        help=f"what to measure: {', '.join(SUITES)} (default: everything)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, one process a case: half a minute"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("benchmark"), help="folder of the report"
    )
    parser.add_argument("--threads", type=int, help="threads of each case (default: all)")
    parser.add_argument("--repeats", type=int, help="processes a case (default: 3, quick: 1)")
    parser.add_argument(
        "--published",
        type=Path,
        metavar="FOLDER",
        help="measure the papers' own layers too: folder of s4.py, dss.py and gconv_standalone.py",
    )
    options = parser.parse_args(arguments)
    from s4audio.benchmark.run import run_benchmark

    run_benchmark(
        suites=options.suites,
        quick=options.quick,
        output=options.output,
        threads=options.threads,
        repeats=options.repeats,
        published=options.published,
    )
    return 0
