"""`s4audio synthesize`: words said by many speakers of a neural synthesiser, as training clips."""

from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser

from s4audio.commands.runs import check_writable
from s4audio.errors import UserError, check_count


def run(command: str, arguments: list[str]) -> int:
    """Parse the words after `synthesize` and write the clips.

    Args:
        command: Name of the command.
        arguments: The words after it.

    Returns:
        Exit code.
    """
    parser = ArgumentParser(
        prog=f"s4audio {command}",
        description="Write words said by many speakers as one-second clips, OUTPUT/WORD/NAME.wav.",
        exit_on_error=False,
    )
    own: set[str | int] = {"words", "download"}
    parser.add_function_arguments(synthesize, as_group=False, as_positional=True, skip=own)
    parser.add_argument(
        "--words",
        type=str,
        nargs="+",
        metavar="WORD",
        default=None,
        help="what is said: words, or short phrases that fit into one second",
    )
    parser.add_argument(
        "--download",
        action="store_true",
        help="fetch the two files of the synthesiser (120 MB) if they are missing",
    )
    options = parser.parse_args(arguments)
    synthesize(
        options.output,
        words=options.words,
        words_from=options.words_from,
        speakers=options.speakers,
        words_per_speaker=options.words_per_speaker,
        seed=options.seed,
        jobs=options.jobs,
        kokoro=options.kokoro,
        download=options.download,
    )
    return 0


def synthesize(
    output: Path,
    words: list[str] | None = None,
    words_from: Path | None = None,
    speakers: int = 100,
    words_per_speaker: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
    kokoro: Path | None = None,
    download: bool = False,
) -> None:
    """Write the clips; those that are there from an earlier call are left as they are.

    Args:
        output: Folder for the clips: a folder a word, a file a speaker.
        words: What is said: words, or short phrases that fit into one second.
        words_from: File with more of them, one a line.
        speakers: How many people who do not exist.
        words_per_speaker: How many of the words each says, drawn. None: all.
        seed: Of the speakers and of how they say each word.
        jobs: Speakers at once. None: one a core.
        kokoro: Folder with the two files of the synthesiser. None: in the cache folder.
        download: Fetch these files (120 MB) if they are missing.

    Raises:
        UserError: No words, a file that is missing or damaged, or a word that cannot be said.
    """
    from s4audio.data.neural_voices import NeuralVoices, write_clips

    spoken = [*(words or []), *([] if words_from is None else _lines(words_from))]
    if not spoken:
        raise UserError("nothing to say: give --words or --words_from")
    check_count("speakers", speakers)
    check_count("words_per_speaker", words_per_speaker)
    check_count("jobs", jobs)
    if seed < 0:
        raise UserError(f"seed is {seed}; give 0 or more")
    check_writable(output, "OUTPUT")
    engine = NeuralVoices(kokoro, download)
    count = write_clips(engine, output, spoken, speakers, words_per_speaker, seed, jobs)
    print(f"{count:,} clips: {output}")


def _lines(path: Path) -> Sequence[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read as UTF-8 text ({reason})") from None
    return [line.strip() for line in lines if line.strip()]
