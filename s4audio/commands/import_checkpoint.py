"""`s4audio import-checkpoint`: another project's weights as a model of ours."""

from pathlib import Path

from jsonargparse import ArgumentParser


def run(command: str, arguments: list[str]) -> int:
    """Parse the words after `import-checkpoint` and convert.

    Args:
        command: Name of the command.
        arguments: The words after it.

    Returns:
        Exit code.
    """
    parser = ArgumentParser(
        prog=f"s4audio {command}",
        description="Convert another project's checkpoint into a folder that s4audio.load reads.",
        exit_on_error=False,
    )
    parser.add_function_arguments(convert, as_group=False, as_positional=True)
    options = parser.parse_args(arguments)
    convert(weights=options.weights, config=options.config, output=options.output)
    return 0


def convert(weights: Path, config: Path, output: Path = Path("imported")) -> None:
    """Convert a checkpoint.

    Args:
        weights: State dictionary of state-spaces (.pt, .pth or .ckpt).
        config: Its options, JSON or YAML.
        output: Folder for config.json and model.safetensors.
    """
    for path in (weights, config):
        if not path.is_file():
            raise FileNotFoundError(f"no file {path}; give the weights and their configuration")
    from s4audio.interop import import_checkpoint

    import_checkpoint(weights, config, output)
    print(f"converted: {output} (s4audio evaluate {output} --data DIR)")
