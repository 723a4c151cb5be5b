"""The plain layer of the DSS and SGConv repositories: convolution, skip, GELU, linear map."""

from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.interop.state import ForeignState, copy
from s4audio.kernels import Kernel
from s4audio.models.block import ChannelLinear, LongConvolution


class PlainLayer(nn.Module):
    """Linear(GELU(k * u + D u)), without gate, normalisation or residual.

    Args:
        kernel: of the convolution.
    """

    def __init__(self, kernel: Kernel) -> None:
        super().__init__()
        self.convolution = LongConvolution(kernel)
        self.linear = ChannelLinear(kernel.channels, kernel.channels)

    @property
    def kernel(self) -> Kernel:
        """The kernel, (length, rate) -> (directions, channels, length)."""
        return self.convolution.kernel

    def forward(self, u_BHL: Tensor, rate: float = 1.0) -> Tensor:
        """One layer.

        Args:
            u_BHL: (batch, channels, time).
            rate: evaluation step / training step.

        Returns:
            (batch, channels, time).
        """
        y: Tensor = self.linear(F.gelu(self.convolution(u_BHL, rate)))
        return y


def copy_plain_layer(layer: PlainLayer, foreign: ForeignState) -> None:
    """Copy skip and linear map, whose names both repositories share.

    Args:
        layer: to copy into.
        foreign: D and output_linear.{weight,bias}.

    Raises:
        UserError: if one is missing or of another shape.
    """
    copy(layer.convolution.D, foreign["D"][0], "D")
    weight, bias = foreign["output_linear.weight"], foreign["output_linear.bias"]
    copy(layer.linear.weight, weight.reshape(weight.shape[0], -1), "output_linear.weight")
    copy(layer.linear.bias, bias.reshape(-1), "output_linear.bias")
