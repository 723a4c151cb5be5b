"""`s4audio generate`: text or pictures from a trained model, one token a step."""

import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentParser

from s4audio.commands.runs import check_writable
from s4audio.errors import UserError, check_count

if TYPE_CHECKING:
    from s4audio.streaming.generation import Generator
    from s4audio.streaming.sampling import Sampling

TOKENS = 500
PICTURES = 16


def run(command: str, arguments: list[str]) -> int:
    """Parse the words after `generate` and generate.

    Args:
        command: Name of the command.
        arguments: The words after it.

    Returns:
        Exit code.
    """
    parser = ArgumentParser(
        prog=f"s4audio {command}",
        description="Generate text with a language model, or pictures with a density model, "
        "through its recurrence.",
        exit_on_error=False,
    )
    parser.add_function_arguments(generate, as_group=False, as_positional=True)
    options = parser.parse_args(arguments)
    generate(
        options.checkpoint,
        prompt=options.prompt,
        tokens=options.tokens,
        count=options.count,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        seed=options.seed,
        output=options.output,
    )
    return 0


def generate(
    checkpoint: Path,
    prompt: str | None = None,
    tokens: int | None = None,
    count: int | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    seed: int = 0,
    output: Path | None = None,
) -> None:
    """Print texts, or write pictures, and say how fast that was.

    Args:
        checkpoint: A .ckpt of a language or density recipe.
        prompt: Text to continue. None: a new line.
        tokens: Characters or words of each text. None: 500.
        count: Texts (None: 1) or pictures (None: 16), all at once.
        temperature: Divides the logits; 0 takes the likeliest token each time.
        top_k: Draw from so many of the likeliest tokens only. None: from all.
        top_p: Draw from the likeliest tokens that together have this probability.
        seed: Of the draws.
        output: File for the result. None: stdout for text, samples.png for pictures.

    Raises:
        UserError: The checkpoint cannot be read or generates nothing, or an option is wrong.
    """
    from s4audio.models.autoregressive import load_autoregressive
    from s4audio.streaming.generation import Generator
    from s4audio.streaming.sampling import Sampling

    sampling = Sampling(temperature, top_k, top_p)
    check_count("count", count)
    check_count("tokens", tokens)
    if output is not None:
        _check_output(output)
    model, description = load_autoregressive(checkpoint)
    generator = Generator(model)
    started = time.perf_counter()
    if "picture" in description:
        if prompt is not None or tokens is not None:
            raise UserError(f"{checkpoint} draws whole pictures: leave out --prompt and --tokens")
        path = output or Path("samples.png")
        total = _draw(generator, description, count or PICTURES, sampling, seed, path)
    else:
        text, total = _text(
            generator, model.labels, prompt, count or 1, tokens or TOKENS, sampling, seed
        )
        if output is None:
            print(text)
        else:
            output.write_text(text + "\n", encoding="utf-8")
    seconds = time.perf_counter() - started
    print(f"{total:,} tokens in {seconds:.1f} s, {total / seconds:,.0f} a second", file=sys.stderr)


def _check_output(path: Path) -> None:
    """Refuse a file that cannot be written, before anything is generated."""
    if path.is_dir():
        raise UserError(f"--output {path}: a folder, give a file")
    check_writable(path.parent, "--output")
    path.parent.mkdir(parents=True, exist_ok=True)


def _text(
    generator: "Generator",
    labels: tuple[str, ...],
    prompt: str | None,
    count: int,
    tokens: int,
    sampling: "Sampling",
    seed: int,
) -> tuple[str, int]:
    """Texts with their prompt, an empty line between them; and the number of new tokens."""
    import torch

    from s4audio.streaming.text import TextCodec

    codec = TextCodec(labels)
    known = codec.encode(codec.start if prompt is None else prompt)
    new = generator.generate(torch.tensor([known] * count), tokens, sampling, seed)
    shown = [] if prompt is None else known
    return "\n\n".join(codec.decode([*shown, *row]) for row in new.tolist()), new.numel()


def _draw(
    generator: "Generator",
    description: dict[str, Any],
    count: int,
    sampling: "Sampling",
    seed: int,
    path: Path,
) -> int:
    """Pictures as one PNG file; returns the number of tokens."""
    import torch

    from s4audio.evaluation.pictures import write_grid

    shape = description["picture"]
    prompt = torch.full((count, 1), description["start"])
    tokens = generator.generate(prompt, math.prod(shape), sampling, seed)
    write_grid(tokens.view(count, *shape).numpy(), path)
    print(f"{count} pictures: {path}")
    return tokens.numel()
