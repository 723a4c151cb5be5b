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

    import s4audio

    console = Console()
    presets = Table("preset", title="presets", title_justify="left")
    for name in s4audio.list_models():
        presets.add_row(name)
    console.print(presets)
    names = s4audio.list_pretrained()
    weights = Table("name", title="trained weights", title_justify="left")
    for name in names:
        weights.add_row(name)
    console.print(weights if names else "no trained weights are shipped with this version")
    return 0
