"""How errors are shown: one line, or the traceback when S4AUDIO_DEBUG=1."""

import errno
import os
import re


def debugging() -> bool:
    """Whether S4AUDIO_DEBUG asks for tracebacks."""
    return os.environ.get("S4AUDIO_DEBUG", "0") not in ("", "0")


def one_line(error: BaseException) -> str:
    """The message of an error in one line.

    Args:
        error: Any; of a parser's nested message only the innermost complaint is kept.

    Returns:
        Text without line breaks.
    """
    if isinstance(error, OSError) and error.filename is not None:
        return _of_the_system(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "no space left on the disk; free some, or give folders on another one"
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return f"{error.object!r}: the file name is not UTF-8; rename the file"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}".removesuffix(": ")
    text = str(error)
    if "Original Traceback" in text:  # of a process that prepares batches
        text = text.strip().splitlines()[-1].partition(": ")[2]
    if "Parser key" in text or "Union subtypes" in text:
        text = _innermost(text)
    return " ".join(text.split()) or type(error).__name__


def _of_the_system(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"no file or folder {error.filename}"
    from s4audio.data.cache import cache_dir

    reason = f"cannot use {error.filename}: {(error.strerror or type(error).__name__).lower()}"
    if str(error.filename).startswith(str(cache_dir())):
        reason += "; set S4AUDIO_CACHE to a folder that can be written"
    return reason


def _innermost(text: str) -> str:
    """'network.kind: expected one of 's4', 's4d', got s9' out of a parser's tree of complaints."""
    tree, _, given = text.partition("Given value type:")
    key = ""
    complaints: list[str] = []
    for line in map(str.strip, tree.splitlines()):
        if line.startswith("Parser key "):
            name, _, line = line.removeprefix("Parser key ").partition(":")
            key, complaints = name.replace('"', ""), []
        if line and not line.startswith(_NOISE):
            complaints.append(_PYTHON_TYPE.sub(_plain_type, line.removeprefix("- ")))
    message = "; ".join(dict.fromkeys(complaints)).replace(". Got value:", ", got")
    value = given.partition("Given value:")[2].strip().partition("\n")[0]
    if value and "got" not in message and not value.startswith(("NestedArg(", "Namespace(", "{")):
        message += f", got {value}"
    return f"{key}: {message}" if key else message


_NOISE = (
    "Does not validate against any",
    "- Does not validate against any",
    "Subtypes:",
    "Errors:",
    "- Expected a <class 'NoneType'>",
    "- Expected a path but",
    "- Problem with given class_path",
    "Problem with given class_path",
)
_PYTHON_TYPE = re.compile(r"(?:a )?(?:<class '([\w.]+)'>|typing\.Literal\[(.*?)\])")


def _plain_type(match: re.Match[str]) -> str:
    if match[1] in ("tuple", "list"):
        return "a list such as [1, 2]"
    return match[1] or f"one of {match[2]}"
