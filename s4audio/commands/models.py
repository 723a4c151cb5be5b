"""`s4audio models`: what can be built, and which trained weights come with the package."""

from jsonargparse import ArgumentParser


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
    from rich.table import Table

    from s4audio.models import create_preset, list_pretrained
    from s4audio.models.presets import PRESETS

    console = Console()
    presets = Table("preset", "causal", title="presets", title_justify="left")
    for column in ("blocks", "channels", "stride", "parameters"):
        presets.add_column(column, justify="right")
    for name, config in PRESETS.items():
        model = create_preset(name, [str(label) for label in range(10)])
        presets.add_row(
            name,
            "no" if config.bidirectional else "yes",
            str(config.n_layers),
            str(config.d_model),
            str(config.stem_stride),
            f"{sum(p.numel() for p in model.parameters()):,}",
        )
    console.print(presets)
    console.print("stride: samples a frame; parameters: for ten classes")
    names = list_pretrained()
    weights = Table("name", title="trained weights", title_justify="left")
    for name in names:
        weights.add_row(name)
    console.print(weights if names else "no trained weights are shipped with this version")
    return 0
