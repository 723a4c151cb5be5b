"""The autoregressive model: tokens so far in, distribution of the next token out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.errors import UserError
from s4audio.models.block import Backbone, ChannelLinear, Dropout, Norm, make_norm
from s4audio.models.build import make_backbone
from s4audio.models.config import ClassifierConfig, refuse_options
from s4audio.models.hub import is_on_hub
from s4audio.models.inputs import check_tokens
from s4audio.models.pretrained import (
    list_pretrained,
    load_weights,
    network_weights,
    read_checkpoint,
)
from s4audio.models.vocabulary import make_vocabulary
from s4audio.ops.pointwise import scaled


@dataclass(frozen=True)
class AutoregressiveConfig:
    """Options of an autoregressive model.

    Args:
        backbone: The long convolutions; `n_layers` counts them. They must be causal, and what
            belongs to other inputs or outputs (stem, normalization, d_input, pooling, vocabulary)
            stays at its default.
        feed_forward: Inner width of position-wise feed-forward layers between the long
            convolutions; 0 for none.
        feed_forward_every: Long convolutions before each feed-forward layer.
        cutoffs: First token of each cluster of an adaptive softmax with tied adaptive input, for
            large vocabularies. Empty: a plain softmax.

    Raises:
        ValueError: An option is out of range or does not belong to such a model.
    """

    backbone: ClassifierConfig
    feed_forward: int = 0
    feed_forward_every: int = 1
    cutoffs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.backbone.bidirectional:
            raise UserError(
                "an autoregressive model must not see the future: set backbone.bidirectional false"
            )
        refuse_options(
            self.backbone,
            ("d_input", "pooling", "stem_stride", "stem_kernel", "vocabulary", "normalization"),
            "the backbone of an autoregressive model, whose inputs are tokens",
        )
        if self.backbone.kind == "dss" and self.backbone.version in (None, "softmax"):
            raise UserError(
                "a DSS softmax kernel changes with the length of the sequence, so it has no "
                "distribution of the next token: set backbone.version exp"
            )
        if self.feed_forward < 0 or self.feed_forward_every < 1:
            raise UserError(
                f"feed_forward={self.feed_forward} must be 0 or more and "
                f"feed_forward_every={self.feed_forward_every} at least 1"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return {**asdict(self), "cutoffs": list(self.cutoffs)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "AutoregressiveConfig":
        """A config from what `to_dict` returned.

        Args:
            values: option names and values.

        Raises:
            UserError: for an option of the backbone that does not exist.
        """
        backbone = ClassifierConfig.from_dict(values["backbone"])
        return cls(**{**values, "backbone": backbone, "cutoffs": tuple(values["cutoffs"])})


class FeedForward(nn.Module):
    """Position-wise feed-forward layer with a residual: two linear maps and a GELU.

    Args:
        channels: of the backbone.
        inner: channels between the maps.
        norm: ``batch`` or ``layer``.
        prenorm: normalise before the maps instead of after the residual.
        dropout: probability, before the second map and before the residual.
        tie_dropout: one mask a channel.

    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.3; between the layers of
        S4 as in Gu, Goel, Re (2022), appendix D.3.
    """

    def __init__(
        self,
        channels: int,
        inner: int,
        norm: Norm,
        prenorm: bool,
        dropout: float,
        tie_dropout: bool,
    ) -> None:
        super().__init__()
        self.prenorm = prenorm
        self.norm = make_norm(norm, channels)
        self.inner = ChannelLinear(channels, inner)
        self.outer = ChannelLinear(inner, channels)
        self.dropout = Dropout(dropout, tie_dropout)

    def forward(self, x_BHL: Tensor, mask_B1L: Tensor | None = None, rate: float = 1.0) -> Tensor:
        """One layer, with the signature of a `Block`; mask and rate are not needed."""
        u_BHL: Tensor = self.norm(x_BHL) if self.prenorm else x_BHL
        z_BIL = F.gelu(self.inner(u_BHL))
        y_BHL: Tensor = self.outer(scaled(z_BIL, self.dropout(z_BIL)))
        y_BHL = x_BHL + scaled(y_BHL, self.dropout(y_BHL))
        if not self.prenorm:
            y_BHL = self.norm(y_BHL)
        return y_BHL


class AutoregressiveModel(nn.Module):
    """A model of sequences of tokens, one token after the other.

    Args:
        config: every option of the network.
        labels: the vocabulary; the row of a symbol is its token.

    Raises:
        UserError: if there are fewer than two symbols, or the cutoffs do not fit.

    Source: Gu, Goel, Re (2022), section 4.4 and appendix D.3 (language and density).

    Example:
        >>> import torch
        >>> backbone = ClassifierConfig(kind="s4d", d_model=8, n_layers=1, norm="layer")
        >>> model = AutoregressiveModel(AutoregressiveConfig(backbone), ["a", "b", "c"])
        >>> model(torch.tensor([[0, 1, 2, 0]])).shape
        torch.Size([1, 4, 3])
    """

    def __init__(self, config: AutoregressiveConfig, labels: Sequence[str]) -> None:
        super().__init__()
        self.config = config
        self.labels = tuple(labels)
        d_model = config.backbone.d_model
        self.vocabulary = make_vocabulary(len(self.labels), d_model, config.cutoffs)
        self.dropout = nn.Dropout(config.backbone.dropout)
        self.backbone = _make_stack(config)

    def forward(self, tokens: Tensor) -> Tensor:
        """Distribution of the token after each token.

        Args:
            tokens: int64 (batch, time).

        Returns:
            log-probabilities (batch, time, vocabulary); row t has seen tokens 0 to t.

        Raises:
            ValueError: for another shape, or a token that there is not.
        """
        return self.vocabulary.log_probabilities(self.features(tokens))

    def features(self, tokens: Tensor) -> Tensor:
        """Output of the backbone.

        Args:
            tokens: int64 (batch, time).

        Returns:
            (batch, time, d_model).

        Raises:
            ValueError: for another shape, or a token that there is not.
        """
        y_BHL: Tensor = self.backbone(self.embed(tokens))
        return y_BHL.transpose(1, 2)

    def negative_log_likelihood(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Nats of the tokens that are to be predicted.

        Args:
            tokens: int64 (batch, time).
            targets: int64 (batch, time), the token after each; negative where none is scored.

        Returns:
            nats (scored,), one for each target that is not negative, in order.

        Raises:
            ValueError: for another shape, or a token that there is not.
        """
        y_BLH = self.features(tokens)
        scored_BL = targets >= 0
        y_RH = self.dropout(y_BLH[scored_BL])
        return self.vocabulary.negative_log_likelihood(y_RH, targets[scored_BL])

    def embed(self, tokens: Tensor) -> Tensor:
        """Input of the backbone.

        Args:
            tokens: int64 (batch, time).

        Returns:
            (batch, d_model, time).

        Raises:
            ValueError: for another shape, or a token that there is not.
        """
        if tokens.ndim != 2 or tokens.shape[1] == 0:
            raise ValueError(
                f"expected tokens (batch, time) with at least one step, got {tuple(tokens.shape)}"
            )
        check_tokens(tokens, len(self.labels))
        x_BLH: Tensor = self.dropout(self.vocabulary.embed(tokens))
        # One copy here keeps every later layer on contiguous channels.
        return x_BLH.transpose(1, 2).contiguous()


def _make_stack(config: AutoregressiveConfig) -> Backbone:
    """The long convolutions with feed-forward layers in between."""
    backbone = make_backbone(config.backbone)
    if config.feed_forward == 0:
        return backbone
    options = config.backbone
    stack: list[nn.Module] = []
    for count, block in enumerate(backbone.blocks, start=1):
        stack.append(block)
        if count % config.feed_forward_every == 0:
            stack.append(
                FeedForward(
                    options.d_model,
                    config.feed_forward,
                    options.norm,
                    options.prenorm,
                    options.dropout,
                    options.tie_dropout,
                )
            )
    backbone.blocks = nn.ModuleList(stack)
    return backbone


def load_autoregressive(path: Path) -> tuple[AutoregressiveModel, dict[str, Any]]:
    """A trained model, in evaluation mode.

    Args:
        path: a training checkpoint (``.ckpt``) of a language or density task.

    Returns:
        the model, and the checkpoint's description of it.

    Raises:
        UserError: if there is no such file, or it is damaged or holds another kind of model.
    """
    # On the hub there are classifiers, and nothing else of ours.
    if is_on_hub(path) or (not path.exists() and str(path) in list_pretrained()):
        raise UserError(
            f"{path} classifies and generates nothing: give a checkpoint of a recipe in "
            "recipes/language or recipes/density"
        )
    checkpoint = read_checkpoint(path)
    description: dict[str, Any] = checkpoint["s4audio"]
    if "backbone" not in description["config"]:
        raise UserError(
            f"{path} holds a {description.get('task', 'ClassificationTask')}, which predicts no "
            "next token: give a checkpoint of a recipe in recipes/language or recipes/density"
        )
    model = AutoregressiveModel(
        AutoregressiveConfig.from_dict(description["config"]), description["labels"]
    )
    load_weights(model, network_weights(checkpoint), path)
    return model.eval(), description
