"""What a classifier says of input that it cannot read."""

import torch
from torch import Tensor


def check_batch(
    x: Tensor, lengths: Tensor | None, features: int, vocabulary: int | None, weights: torch.dtype
) -> None:
    """Inputs of a network, and their lengths.

    Args:
        x: features over time, or tokens.
        lengths: valid steps of each row, or None.
        features: of the network.
        vocabulary: number of tokens; None for a network that reads features.
        weights: number type of the network.

    Raises:
        ValueError: as the functions below.
    """
    if vocabulary is None:
        check_waveforms(x, features, weights)
    else:
        check_tokens(x, vocabulary)
    if lengths is not None:
        check_lengths(lengths, x)


def check_waveforms(x: Tensor, features: int, weights: torch.dtype) -> None:
    """Shape and number type of features over time.

    Args:
        x: should be (batch, time, features), of at least one row and one step.
        features: of the network.
        weights: number type of the network; under autocast, bfloat16 and float16 go together with
            float32.

    Raises:
        ValueError: one line with what is wrong, and the fix.
    """
    if x.ndim != 3 or x.shape[-1] != features or 0 in x.shape:
        raise ValueError(
            f"expected input (batch, time, {features}) with at least one row and one step, got "
            f"{tuple(x.shape)}"
        )
    types = (x.dtype, weights)
    mixed = torch.is_autocast_enabled(x.device.type) and torch.float64 not in types
    if not x.is_floating_point() or (x.dtype != weights and not mixed):
        raise ValueError(
            f"expected {weights} input like the model's weights, got {x.dtype}: use "
            f"x.to({weights}), and divide 16-bit samples by 32768"
        )


def check_tokens(x: Tensor, vocabulary: int) -> None:
    """Shape and values of tokens.

    Args:
        x: should be (batch, time) or (batch, time, 1), of at least one row and one step.
        vocabulary: number of tokens that there are.

    Raises:
        ValueError: one line with what is wrong.
    """
    if not (x.ndim == 2 or (x.ndim == 3 and x.shape[-1] == 1)) or 0 in x.shape:
        raise ValueError(
            "expected tokens (batch, time) with at least one row and one step, got "
            f"{tuple(x.shape)}"
        )
    if not _may_look(x):
        return
    smallest, largest = (int(value) for value in x.aminmax())
    if smallest < 0 or largest >= vocabulary:
        raise ValueError(
            f"expected tokens from 0 to {vocabulary - 1}, got "
            f"{smallest if smallest < 0 else largest}"
        )


def check_lengths(lengths: Tensor, x: Tensor) -> None:
    """Valid steps of each row of a batch.

    Args:
        lengths: should be integers (batch,), each from 1 to the time of `x`.
        x: (batch, time, ...).

    Raises:
        ValueError: one line with what is wrong.
    """
    batch, time = x.shape[:2]
    is_integer = not (lengths.is_floating_point() or lengths.is_complex())
    if lengths.shape != (batch,) or not is_integer or lengths.dtype == torch.bool:
        raise ValueError(
            f"expected lengths ({batch},) of integers, one for each row, got "
            f"{tuple(lengths.shape)} {lengths.dtype}"
        )
    if not _may_look(lengths):
        return
    shortest, longest = (int(value) for value in lengths.aminmax())
    if shortest < 1 or longest > time:
        raise ValueError(
            f"expected lengths from 1 to the {time} steps of the input, got "
            f"{shortest if shortest < 1 else longest}"
        )


def _may_look(x: Tensor) -> bool:
    """To look at values waits for a GPU, and cuts a compiled graph in two."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()
