"""`s4audio push`: a model on the Hugging Face hub."""

from jsonargparse import ArgumentParser


def run(command: str, arguments: list[str]) -> int:
    """Parse the words after `push` and upload.

    Args:
        command: Name of the command.
        arguments: The words after it.

    Returns:
        Exit code.
    """
    parser = ArgumentParser(
        prog=f"s4audio {command}",
        description="Upload a model to the Hugging Face hub, from where s4audio.load fetches it.",
        exit_on_error=False,
    )
    parser.add_function_arguments(push, as_group=False, as_positional=True, skip={"private"})
    parser.add_argument(
        "--private", action="store_true", help="make a repository that only its owner sees"
    )
    options = parser.parse_args(arguments)
    push(options.model, options.repository, options.private)
    return 0


def push(model: str, repository: str, private: bool = False) -> None:
    """Upload a model; print where it is and how to load it.

    Args:
        model: A .ckpt of `s4audio fit`, a folder of `save_pretrained`, a shipped name, or
            hf-hub:OWNER/NAME.
        repository: Where to, as OWNER/NAME; made if it does not exist.
        private: Make a repository that only its owner sees.

    Raises:
        UserError: The model cannot be read, or the hub does not take it.
    """
    import s4audio
    from s4audio.models import hub

    print(hub.push(s4audio.load(model), repository, private))
    print(f's4audio.load("{hub.PREFIX}{repository}")')
