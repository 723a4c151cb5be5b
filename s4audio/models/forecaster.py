"""The forecaster: a context and a masked window through one stack."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.errors import UserError
from s4audio.models.build import make_backbone, make_encoder
from s4audio.models.config import ClassifierConfig, refuse_options
from s4audio.models.pretrained import load_weights, network_weights, read_checkpoint

_WINDOW_OPTIONS = ("context", "horizon", "n_marks", "center", "linear")


class Forecaster(nn.Module):
    """Forecasts the steps that follow a context.

    The input is the context followed by `horizon` steps of zeros, with a feature that is 1 where
    values are masked, beside features of the dates. The last `horizon` outputs are the forecast.

    Args:
        config: backbone and encoder; `d_input` and `length` follow from the other arguments.
        columns: names of the series.
        context: steps that are known.
        horizon: steps to forecast.
        n_marks: features of the date of each step, 0 for none.
        center: the mean of so many last known steps is subtracted from each window of each series
            before, and added to its forecast after: 1 for the last value, 0 for nothing. A series
            whose level wanders needs it; it is not part of the published method.
        linear: add one linear map, from the centred context of a series straight to its forecast,
            the same for all series. `fit_linear` finds it, training leaves it as it is; the decoder
            begins at zero, so that training starts from the map alone. It is not part of the
            published method.

    Raises:
        ValueError: `center` is not between 0 and `context`.
        UserError: The config has a stem, a vocabulary, a pooling or a normalization.

    Source: Gu, Goel, Re (2022), section 4.3; the linear map: Zeng et al., "Are Transformers
        effective for time series forecasting?", arXiv 2205.13504, NLinear.

    Example:
        >>> import torch
        >>> config = ClassifierConfig(kind="s4d", d_model=8, n_layers=1)
        >>> model = Forecaster(config, ["load"], context=48, horizon=24, n_marks=4)
        >>> model(torch.zeros(3, 48, 1), torch.zeros(3, 72, 4)).shape
        torch.Size([3, 24, 1])
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        config: ClassifierConfig,
        columns: Sequence[str],
        context: int,
        horizon: int,
        n_marks: int,
        center: int = 0,
        linear: bool = False,
    ) -> None:
        super().__init__()
        if not 0 <= center <= context:
            raise ValueError(f"center must be between 0 and the context of {context}, got {center}")
        refuse_options(
            config,
            ("pooling", "stem_stride", "stem_kernel", "vocabulary", "normalization"),
            "a forecaster, which reads and gives standardised values step by step",
        )
        self.config = replace(config, d_input=len(columns) + 1 + n_marks, length=context + horizon)
        self.columns = tuple(columns)
        self.context, self.horizon, self.n_marks = context, horizon, n_marks
        self.center, self.linear = center, linear
        self.encoder = make_encoder(self.config)
        self.backbone = make_backbone(self.config)
        self.decoder = nn.Linear(config.d_model, len(columns))
        if linear:
            self.direct = nn.Linear(context, horizon, bias=False).requires_grad_(False)
            for start in (self.direct.weight, self.decoder.weight, self.decoder.bias):
                nn.init.zeros_(start)
        self.register_buffer("mean", torch.zeros(len(columns)))
        self.register_buffer("std", torch.ones(len(columns)))

    @classmethod
    def from_checkpoint(cls, path: str | os.PathLike[str]) -> "Forecaster":
        """A trained forecaster, in evaluation mode.

        Args:
            path: a checkpoint (``.ckpt``) of `s4audio fit`.

        Raises:
            UserError: if there is no such file, or it is damaged, foreign or of another task.
        """
        checkpoint = read_checkpoint(Path(path))
        described = checkpoint["s4audio"]
        if described.get("task") != "ForecastingTask":
            raise UserError(f"{path} holds no forecaster, but a {described.get('task')}")
        options = dict(described["config"])
        # A checkpoint from before an option has its default.
        windows = {name: options.pop(name) for name in _WINDOW_OPTIONS if name in options}
        model = cls(ClassifierConfig.from_dict(options), described["labels"], **windows)
        load_weights(model, network_weights(checkpoint), Path(path))
        return model.eval()

    def describe(self) -> dict[str, Any]:
        """All options, as plain JSON types."""
        return {
            **self.config.to_dict(),
            **{name: getattr(self, name) for name in _WINDOW_OPTIONS},
        }

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Store what `forecast` standardises with.

        Args:
            mean: of each column over the training rows (columns,).
            std: their standard deviation (columns,), above 0.
        """
        self.mean.copy_(mean)
        self.std.copy_(std)

    @torch.no_grad()
    def fit_linear(self, windows: Iterable[tuple[Tensor, Tensor]], penalty: float) -> None:
        """Find the linear map by ridge regression, in closed form.

        It minimises the mean over windows of ||future - level - W (past - level)||^2, plus
        penalty ||W||^2.

        Args:
            windows: batches of past (batch, context, columns) and future (batch, horizon, columns),
                standardised, on the CPU.
            penalty: above 0.

        Source: Toner, Darlow, "An analysis of linear time series forecasting models", arXiv
            2403.14587, who find the closed form as good as training, or better.
        """
        gram = torch.zeros(self.context, self.context, dtype=torch.float64)
        moment = torch.zeros(self.context, self.horizon, dtype=torch.float64)
        count = 0
        for past, future in windows:
            level = self.level(past)
            x, y = (
                (values - level).transpose(1, 2).flatten(0, 1).double() for values in (past, future)
            )
            gram += x.T @ x
            moment += x.T @ y
            count += len(x)
        gram.diagonal().add_(penalty * count)
        self.direct.weight.copy_(torch.linalg.solve(gram, moment).T)

    def forecast(self, past: Tensor, marks: Tensor) -> Tensor:
        """Forecast in the series' own units.

        Args:
            past: values (batch, context, columns).
            marks: features of the dates (batch, context + horizon, n_marks).

        Returns:
            (batch, horizon, columns).
        """
        standardised: Tensor = self((past - self.mean) / self.std, marks)
        return standardised * self.std + self.mean

    def forward(self, past: Tensor, marks: Tensor) -> Tensor:
        """Forecast.

        Args:
            past: standardised values (batch, context, columns).
            marks: features of the dates (batch, context + horizon, n_marks).

        Returns:
            (batch, horizon, columns), standardised.

        Raises:
            ValueError: an input has another shape.
        """
        if past.shape[1:] != (self.context, len(self.columns)):
            raise ValueError(
                f"expected past (batch, {self.context}, {len(self.columns)}), got "
                f"{tuple(past.shape)}"
            )
        wanted = (len(past), self.context + self.horizon, self.n_marks)
        if marks.shape != wanted:
            raise ValueError(f"expected marks {wanted}, got {tuple(marks.shape)}")
        level = self.level(past)
        masked = torch.ones_like(past[:, :1, :1]).expand(-1, self.horizon, -1)
        centred = past - level
        known = F.pad(centred, (0, 1, 0, self.horizon))
        ahead = F.pad(masked, (len(self.columns), 0, self.context, 0))
        frames = self.encoder(torch.cat([known + ahead, marks], dim=-1), None, 1.0)
        y_BHL = self.backbone(frames.x)[..., -self.horizon :]
        forecast: Tensor = level + self.decoder(y_BHL.transpose(1, 2))
        if self.linear:
            forecast = forecast + self.direct(centred.transpose(1, 2)).transpose(1, 2)
        return forecast

    def level(self, past: Tensor) -> Tensor:
        """What is subtracted from a window, and added to its forecast.

        Args:
            past: values (batch, context, columns).

        Returns:
            (batch, 1, columns).
        """
        if self.center == 0:
            return torch.zeros_like(past[:, :1])
        return past[:, -self.center :].mean(1, keepdim=True)
