"""The `s4audio` command: finds the subcommand, imports what it needs, reports mistakes in a line.

Exit codes: 0 done, 1 something failed that is not the user's mistake, 2 wrong input,
130 interrupted, 143 ended by the system (SIGTERM).
"""

import difflib
import importlib
import os
import sys
from argparse import ArgumentError
from dataclasses import dataclass

import s4audio
from s4audio.allocator import keep_freed_memory
from s4audio.commands.debug import debugging, one_line
from s4audio.errors import OwnFaultError


@dataclass(frozen=True)
class Command:
    """A subcommand, known by name until it is called.

    Args:
        module: Module with a function `run(command, arguments) -> int`.
        summary: One line for the list of commands.
    """

    module: str
    summary: str


COMMANDS = {
    "fit": Command("fit", "train a model from a YAML recipe, then test its best checkpoint"),
    "validate": Command("fit", "score a checkpoint on the validation split"),
    "test": Command("fit", "score a checkpoint on the test split; write tables and plots"),
    "predict": Command("fit", "write a CSV of a checkpoint's scores, one row a clip"),
    "evaluate": Command("evaluate", "score a model at sample rates it was not trained on"),
    "export": Command("export", "write a model as an ONNX file that streams, and check it"),
    "listen": Command("listen", "detect words in a file or at the microphone, a JSON line each"),
    "demo": Command("demo", "serve a web page that runs a model on the microphone"),
    "generate": Command("generate", "generate text or pictures with a language or density model"),
    "synthesize": Command("synthesize", "make training clips of words with a neural synthesiser"),
    "benchmark": Command("benchmark", "measure time, memory and error on this machine"),
    "import-checkpoint": Command("import_checkpoint", "convert another project's checkpoint"),
    "push": Command("push", "upload a model to the Hugging Face hub"),
    "models": Command("models", "list the presets and the weights that come with the package"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after `s4audio`. None: those of this process.

    Returns:
        Exit code.
    """
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0 if words else 2
    if words[0] == "--version":
        print(f"s4audio {s4audio.__version__}")
        return 0
    name, arguments = words[0], words[1:]
    if name not in COMMANDS:
        return _fail(_unknown(name))
    keep_freed_memory()
    try:
        module = importlib.import_module(f"s4audio.commands.{COMMANDS[name].module}")
        return int(module.run(name, arguments))
    except SystemExit as stop:
        return _exit_code(stop)
    except KeyboardInterrupt:
        print("s4audio: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output, such as `head`, has gone; the interpreter must not flush to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OwnFaultError as error:
        if debugging():
            raise
        print(f"s4audio: {error}", file=sys.stderr)
        return 1
    except (ArgumentError, ValueError, OSError, MemoryError) as error:
        if debugging():
            raise
        return _fail(one_line(error))


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: s4audio COMMAND [options]",
            "",
            "Speech classification from raw waveforms with state space models.",
            "",
            "commands:",
            *lines,
            "",
            "s4audio COMMAND --help lists a command's options; s4audio --version the version.",
        ]
    )


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, COMMANDS)
    hint = f"did you mean {' or '.join(near)}?" if near else f"commands: {', '.join(COMMANDS)}"
    return f"unknown command '{name}'; {hint}"


def _exit_code(stop: SystemExit) -> int:
    """Code of a command that exits by itself: --help, or Lightning after an interrupt."""
    if isinstance(stop.__context__, KeyboardInterrupt):
        print("s4audio: interrupted", file=sys.stderr)
        return 130
    return stop.code if isinstance(stop.code, int) else int(stop.code is not None)


def _fail(message: str) -> int:
    print(f"s4audio: {message}", file=sys.stderr)
    return 2
