"""What is wrong with a recipe or an option of `fit`, in words that name the file and the fix."""

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml

from s4audio import tasks
from s4audio.data.opening import DATA_MODULES
from s4audio.errors import UserError

_UNKNOWN_OPTION = re.compile(r"[Oo]ption '([\w.]+)'|unrecognized arguments: --([\w.]+)")
_NO_CLASS = re.compile(r"Expected a dot import path string: (\w+)")
_UNKNOWN_CLASS = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")
_LONE_RECIPE = re.compile(r"unrecognized arguments: (\S+\.ya?ml)\b")


def check_recipes(arguments: Sequence[str]) -> None:
    """Refuse recipes that are no recipes, before a parser says so in its own words.

    Args:
        arguments: The words after the command.

    Raises:
        UserError: A file of `--config` is not text, not YAML or no table of keys.
    """
    for option, word in zip(arguments, [*arguments[1:], ""], strict=True):
        name, _, value = option.partition("=")
        path = Path(value or word)
        if name in ("-c", "--config") and path.is_file():
            _check_recipe(path)


def _check_recipe(path: Path) -> None:
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise UserError(f"{path} is no recipe: it is not text in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{path}, line {line}: not YAML, {error.problem}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {error}") from None
    if not isinstance(recipe, dict):
        found = {type(None): "nothing", list: "a list"}.get(type(recipe), "text")
        raise UserError(
            f"{path} is no recipe: it holds {found} instead of the keys model, data and trainer"
        )


def with_hint(message: str, options: Sequence[str]) -> str:
    """A parser's complaint about an unknown option or class, with the name that was meant.

    Args:
        message: The complaint, in one line.
        options: Options of the parser, such as trainer.max_epochs.

    Returns:
        The message, longer where a hint is known.
    """
    if lone := _LONE_RECIPE.search(message):
        return f"{message}; a recipe follows --config: --config {lone[1]}"
    if named := _UNKNOWN_CLASS.search(message):
        known = [name for name in dir(import_module(named[1])) if not name.startswith("_")]
        return message + _did_you_mean(named[2], _near(named[2], known))
    if name := _NO_CLASS.search(message):
        return message + _did_you_mean(name[1], _near(name[1], [*tasks.__all__, *DATA_MODULES]))
    if option := _UNKNOWN_OPTION.search(message):
        given = option[1] or option[2]
        if message.startswith("unrecognized") and "." not in given:
            near = _near(given, sorted({name.partition(".")[0] for name in options}))
        else:
            parts = {part for name in options for part in name.split(".")} | _keys()
            near = ".".join(_near(part, sorted(parts)) for part in given.split("."))
        return message + _did_you_mean(given, near)
    return message


def _did_you_mean(given: str, near: str) -> str:
    return "" if near == given else f"; did you mean {near}?"


def _near(name: str, known: Sequence[str]) -> str:
    """The nearest of the known names, or the name itself where none is near."""
    return next(iter(get_close_matches(name, known, n=1)), name)


def _keys() -> set[str]:
    """Every key that a recipe may have below `model` and `data`."""
    classes = [getattr(tasks, name) for name in tasks.__all__]
    classes += [getattr(import_module(module), name) for name, module in DATA_MODULES.items()]
    return {"class_path", "init_args"} | {key for kind in classes for key in _arguments(kind)}


def _arguments(kind: Any) -> Iterator[str]:
    """Names of a class's arguments, and of the fields of those that are records."""
    yield from inspect.signature(kind).parameters
    for annotation in get_type_hints(kind.__init__).values():
        for part in (annotation, *get_args(annotation)):
            if is_dataclass(part):
                yield from (field.name for field in fields(part))
