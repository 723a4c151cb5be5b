"""`s4audio evaluate`: one model at sample rates it was not trained on."""

from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser

from s4audio.commands import evaluate_stream
from s4audio.commands.own_data import own_data
from s4audio.commands.runs import check_writable, folder_of
from s4audio.errors import UserError


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
        checkpoint: A .ckpt of `s4audio fit`, a folder of `save_pretrained`, or a shipped name.
        rates: Sample rates in Hz.
        data: A Speech Commands tree, a folder per class or a CSV manifest. None: the data the
            checkpoint was trained on.
        output: Folder of tables and plots. None: beside the checkpoint.
        device: Where the model runs; "auto" takes a GPU when there is one.
        batch_size: Clips a batch.
        robustness: Also play the clips at other levels, and with the word at other places.

    Raises:
        UserError: The checkpoint cannot be read, or its data is not known and none is given.
    """
    import s4audio
    from s4audio.data import open_audio
    from s4audio.evaluation import evaluate as evaluate_rates
    from s4audio.evaluation.robustness import (
        evaluate_robustness,
        print_robustness,
        write_robustness,
    )
    from s4audio.evaluation.writing import print_then_write

    path = Path(checkpoint)
    model = s4audio.load(checkpoint).to(_device(device))
    if model.config.d_input != 1:
        raise UserError(
            f"{checkpoint} takes {model.config.d_input} features a step: sample rates can be "
            "changed for waveforms only; score it with s4audio test"
        )
    if data is not None:
        module = open_audio(data, labels=model.labels, sample_rate=model.sample_rate)
    elif path.suffix == ".ckpt":
        module = own_data(path)
    else:
        raise UserError(f"{checkpoint} does not say what it was trained on; give --data DIR")
    folder = output or _beside(path)
    check_writable(folder, "--output")
    module.prepare_data()
    module.setup("test")
    clips = module.split("testing")
    evaluate_rates(model, clips, rates, folder, batch_size)
    if robustness:
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


def _beside(path: Path) -> Path:
    """Folder of a checkpoint's tables: its run, its own folder, or here for a shipped name."""
    if path.is_dir():
        return path
    if path.is_file():
        return folder_of(path) or path.resolve().parent
    return Path("evaluation") / path.name
