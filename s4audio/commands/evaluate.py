"""`s4audio evaluate`: one model at sample rates it was not trained on."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jsonargparse import ArgumentParser

from s4audio.commands import evaluate_stream
from s4audio.commands.own_data import chosen_data
from s4audio.commands.runs import beside, check_writable
from s4audio.errors import UserError

if TYPE_CHECKING:
    from s4audio.data import Clips
    from s4audio.models import SequenceClassifier


def run(command: str, arguments: list[str]) -> int:
    """Parse the words after `evaluate` and evaluate.

    Args:
        command: Name of the command.
        arguments: The words after it.

    Returns:
        Exit code.
    """
    if "--stream" in arguments:
        return evaluate_stream.run(command, [word for word in arguments if word != "--stream"])
    parser = ArgumentParser(
        prog=f"s4audio {command}",
        description="Score a model at several sample rates without retraining.",
        exit_on_error=False,
    )
    parser.add_argument(
        "--stream",
        action="store_true",
        help="score it on long recordings instead: misses at fixed false accepts an hour, latency "
        "(--stream --help lists its options)",
    )
    own: set[str | int] = {"rates", "robustness"}
    parser.add_function_arguments(evaluate, as_group=False, as_positional=True, skip=own)
    parser.add_argument(
        "--rates",
        type=int,
        nargs="+",
        default=[16_000, 8_000],
        metavar="HZ",
        help="sample rates in Hz (default: 16000 8000)",
    )
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="also play the clips at other levels, and with the word at other places",
    )
    options = parser.parse_args(arguments)
    evaluate(
        checkpoint=options.checkpoint,
        rates=options.rates,
        data=options.data,
        output=options.output,
        device=options.device,
        batch_size=options.batch_size,
        robustness=options.robustness,
    )
    return 0


def evaluate(
    checkpoint: str,
    rates: list[int],
    data: Path | None = None,
    output: Path | None = None,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    batch_size: int = 32,
    robustness: bool = False,
) -> None:
    """Score a model at several sample rates; print the table and write it beside the plots.

    Args:
        checkpoint: A .ckpt of `s4audio fit`, a folder of `save_pretrained`, a shipped name, or
            hf-hub:OWNER/NAME.
        rates: Sample rates in Hz.
        data: A Speech Commands tree, a folder per class or a CSV manifest. None: the data the
            checkpoint was trained on. Where it is these, only their test split is scored.
        output: Folder of tables and plots. None: beside the checkpoint.
        device: Where the model runs; "auto" takes a GPU when there is one.
        batch_size: Clips a batch.
        robustness: Also play the clips at other levels, and with the word at other places.

    Raises:
        UserError: The checkpoint cannot be read, or its data is not known and none is given.
    """
    import s4audio
    from s4audio.evaluation import evaluate as evaluate_rates
    from s4audio.evaluation.report import FailedRatesError

    path = Path(checkpoint)
    model = s4audio.load(checkpoint).to(_device(device))
    if model.config.d_input != 1:
        raise UserError(
            f"{checkpoint} takes {model.config.d_input} features a step: sample rates can be "
            "changed for waveforms only; score it with s4audio test"
        )
    module = chosen_data(path, data, model.labels, model.sample_rate)
    folder = output or beside(path)
    check_writable(folder, "--output")
    module.prepare_data()
    module.setup("test")
    clips = module.split("testing")
    failed: FailedRatesError | None = None
    try:
        evaluate_rates(model, clips, rates, folder, batch_size)
    except FailedRatesError as error:  # which says nothing about levels and places
        failed = error
    if robustness:
        _evaluate_robustness(model, clips, batch_size, folder)
    if failed is not None:
        raise failed


def _evaluate_robustness(
    model: "SequenceClassifier", clips: "Clips", batch_size: int, folder: Path
) -> None:
    from s4audio.evaluation.robustness import (
        evaluate_robustness,
        print_robustness,
        write_robustness,
    )
    from s4audio.evaluation.writing import print_then_write

    found = evaluate_robustness(model, clips, batch_size=batch_size)
    print_then_write(lambda: print_robustness(found), lambda: write_robustness(found, folder))


def _device(name: str) -> str:
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(name, True):
        raise UserError(f"--device {name}: PyTorch finds no such device here; give --device cpu")
    if name != "auto":
        return name
    return "cuda" if available["cuda"] else "cpu"
