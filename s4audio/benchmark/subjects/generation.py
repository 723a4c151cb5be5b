"""Generation, one token of every sequence at a time, without gradients.

Parameters of a case: ``form``, ``network`` (options of `AutoregressiveConfig`), ``batch``
(sequences), ``length`` (context) and ``tokens`` (of each sequence in a step). Forms:

- ``recurrence``: a model of this package through its state, which has the same size whatever came
  before, so it starts from a single token; SGConv, whose cost depends on the past, makes all tokens
  from the first to the end of the context.
- ``transformer``: a pre-norm Transformer of the same width, depth and number of parameters, with a
  cache of keys and values that already holds the context. Its linear maps are those of the
  recurrence.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s4audio.benchmark.cases import Case
from s4audio.benchmark.probe import Probe
from s4audio.models.autoregressive import AutoregressiveConfig, AutoregressiveModel
from s4audio.streaming.generation import Generator, TokenLinear

VOCABULARY = 256
HEAD_CHANNELS = 64
EXPANSION = 4


def prepare(case: Case) -> Probe:
    """Build the model and what it remembers of the context.

    Args:
        case: the case.

    Returns:
        a probe without backward; nothing is compared, the tests of generation do that.
    """
    config = AutoregressiveConfig.from_dict(case.parameters["network"])
    batch, count = case.parameters["batch"], case.parameters["tokens"]
    first = torch.zeros(batch, dtype=torch.int64)
    if case.parameters["form"] == "transformer":
        channels, layers = config.backbone.d_model, config.backbone.n_layers // 2
        transformer = CachedTransformer(channels, layers, batch, case.length + count)
        transformer.fill(case.length)

        def forward() -> Tensor:
            with torch.inference_mode():
                tokens = first
                for position in range(case.length, case.length + count):
                    tokens = transformer(tokens, position).argmax(-1)
            return tokens

        return Probe(forward, None, lambda _: {})
    labels = [str(i) for i in range(VOCABULARY)]
    generator = Generator(AutoregressiveModel(config, labels).eval())
    _, memory_at_start = generator.start(first[:, None])

    def generate() -> Tensor:
        with torch.inference_mode():
            memory = copy.deepcopy(memory_at_start)
            tokens = first
            for _ in range(count):
                tokens = generator.advance(tokens, memory).argmax(-1)
        return tokens

    return Probe(generate, None, lambda _: {})


class CachedTransformer(nn.Module):
    """A pre-norm Transformer that makes one token of each sequence from a cache.

    Args:
        channels: width, a multiple of 64, the channels of a head.
        layers: blocks of attention and feed-forward layer.
        batch: sequences.
        length: tokens that the cache can hold.
    """

    def __init__(self, channels: int, layers: int, batch: int, length: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, channels)
        self.places = nn.Embedding(length, channels)
        self.blocks = nn.ModuleList(CachedBlock(channels, batch, length) for _ in range(layers))
        self.norm = nn.LayerNorm(channels)
        self.decoder = nn.Linear(channels, VOCABULARY)

    def fill(self, length: int) -> None:
        """Random keys and values for the first tokens of the cache."""
        for block in self.blocks:
            assert isinstance(block, CachedBlock)
            block.cache[..., :length, :].normal_()

    def forward(self, tokens_B: Tensor, position: int) -> Tensor:
        """Logits (batch, vocabulary) after one more token of each sequence."""
        x_BH = self.embedding(tokens_B) + self.places.weight[position]
        for block in self.blocks:
            x_BH = block(x_BH, position)
        logits: Tensor = self.decoder(self.norm(x_BH))
        return logits


class CachedBlock(nn.Module):
    """Causal attention and a feed-forward layer, on one token of each sequence."""

    cache: Tensor

    def __init__(self, channels: int, batch: int, length: int) -> None:
        super().__init__()
        self.heads = channels // HEAD_CHANNELS
        self.norms = nn.ModuleList([nn.LayerNorm(channels), nn.LayerNorm(channels)])
        self.queries_keys_values = _linear(channels, 3 * channels)
        self.output = _linear(channels, channels)
        self.inner = _linear(channels, EXPANSION * channels)
        self.outer = _linear(EXPANSION * channels, channels)
        cache = torch.zeros(2, batch, self.heads, length, HEAD_CHANNELS)
        self.register_buffer("cache", cache, persistent=False)

    def forward(self, x_BH: Tensor, position: int) -> Tensor:
        """The next token; its key and value are put into the cache."""
        batch = x_BH.shape[0]
        qkv = self.queries_keys_values(self.norms[0](x_BH)).view(batch, 3, self.heads, -1)
        self.cache[:, :, :, position] = qkv[:, 1:].transpose(0, 1)
        keys, values = self.cache[:, :, :, : position + 1]
        y = F.scaled_dot_product_attention(qkv[:, 0].unsqueeze(2), keys, values)
        x_BH = x_BH + self.output(y.reshape(batch, -1))
        z_BH: Tensor = self.outer(F.gelu(self.inner(self.norms[1](x_BH))))
        return x_BH + z_BH


def _linear(d_input: int, d_output: int) -> TokenLinear:
    return TokenLinear(nn.Linear(d_input, d_output), torch.float32)
