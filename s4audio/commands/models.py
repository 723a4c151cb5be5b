"""`s4audio models`: what can be built, and which trained weights come with the package."""

from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser

if TYPE_CHECKING:
    from rich.table import Table

    from s4audio.models import SequenceClassifier


def run(command: str, arguments: list[str]) -> int:
    """Print the presets and the shipped weights.

    Args:
        command: Name of the command.
        arguments: The words after it: none but --help.

    Returns:
        Exit code.
    """
    parser = ArgumentParser(
        prog=f"s4audio {command}",
        description="List the model presets and the trained weights that come with the package.",
        exit_on_error=False,
    )
    parser.parse_args(arguments)
    from rich.console import Console

    console = Console()
    console.print(_presets())
    console.print("stride: samples a frame; parameters: for ten classes")
    console.print(_weights())
    console.print(
        "their names stand for checkpoints in the other commands: s4audio listen ten-words"
    )
    return 0


def _presets() -> "Table":
    from rich.table import Table

    from s4audio.models import create_preset
    from s4audio.models.presets import PRESETS

    table = Table("preset", "causal", title="presets", title_justify="left")
    for column in ("blocks", "channels", "stride", "parameters"):
        table.add_column(column, justify="right")
    for name, config in PRESETS.items():
        model = create_preset(name, [str(label) for label in range(10)])
        table.add_row(
            name,
            "no" if config.bidirectional else "yes",
            str(config.n_layers),
            str(config.d_model),
            str(config.stem_stride),
            _size(model),
        )
    return table


def _weights() -> "Table":
    from rich.table import Table

    from s4audio.models import list_pretrained, load

    table = Table("name", title="trained weights", title_justify="left")
    for column in ("classes", "Hz", "parameters"):
        table.add_column(column, justify="right")
    for name in list_pretrained():
        model = load(name)
        table.add_row(name, str(len(model.labels)), f"{model.sample_rate:,}", _size(model))
    return table


def _size(model: "SequenceClassifier") -> str:
    return f"{sum(p.numel() for p in model.parameters()):,}"
