"""Logged figures: which way is better, and how they are written for people."""

from typing import Literal


def better(name: str) -> Literal["min", "max"]:
    """Whether more or less of a figure is better.

    Args:
        name: Such as "val/accuracy".

    Returns:
        "max" for accuracy and F1, "min" for all else: losses, errors, perplexity, bits.

    Example:
        >>> better("val/accuracy"), better("val/loss")
        ('max', 'min')
    """
    return "max" if _is_share(name) else "min"


def figure(name: str, value: float) -> str:
    """A figure for people: shares in percent, others with four digits.

    Args:
        name: Such as "val/accuracy".
        value: What was logged.

    Returns:
        Text without the name.

    Example:
        >>> figure("val/accuracy", 0.98765), figure("val/loss", 0.0123456)
        ('98.77%', '0.01235')
    """
    return f"{value:.2%}" if _is_share(name) else f"{value:#.4g}"


def _is_share(name: str) -> bool:
    return name.endswith(("accuracy", "f1"))
