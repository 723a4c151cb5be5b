"""Generation in the benchmark: the Transformer is right, and the groups compare like with like."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from s4audio.benchmark.cases import Group, GroupResult, Measurement, Row
from s4audio.benchmark.plots import plot_tokens
from s4audio.benchmark.subjects.generation import VOCABULARY, CachedTransformer, prepare
from s4audio.benchmark.suites import FULL, QUICK
from s4audio.benchmark.suites.generation import generation
from s4audio.models.autoregressive import AutoregressiveConfig, AutoregressiveModel
from s4audio.streaming.generation import TokenLinear


def full_attention(model: CachedTransformer, tokens_BL: torch.Tensor) -> torch.Tensor:
    """The same Transformer on all tokens at once, without a cache."""
    batch, length = tokens_BL.shape
    x = model.embedding(tokens_BL) + model.places.weight[:length]

    def mapped(linear: TokenLinear, rows: torch.Tensor) -> torch.Tensor:
        return rows @ linear.weight + linear.bias

    for block in model.blocks:
        qkv = mapped(block.queries_keys_values, block.norms[0](x))
        qkv = qkv.view(batch, length, 3, block.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + mapped(block.output, y.transpose(1, 2).flatten(2))
        x = x + mapped(block.outer, F.gelu(mapped(block.inner, block.norms[1](x))))
    return model.decoder(model.norm(x))


def test_the_cache_against_full_attention() -> None:
    torch.manual_seed(0)
    model = CachedTransformer(128, 2, 3, 20)
    tokens = torch.randint(VOCABULARY, (3, 20))
    with torch.inference_mode():
        found = torch.stack([model(tokens[:, i], i) for i in range(20)], dim=1)
        torch.testing.assert_close(found, full_attention(model, tokens), rtol=0, atol=1e-5)


def test_both_models_have_the_same_size() -> None:
    case = next(iter(generation(FULL, 1))).cases[0]
    config = AutoregressiveConfig.from_dict(case.parameters["network"])
    ours = AutoregressiveModel(config, [str(i) for i in range(VOCABULARY)])
    theirs = CachedTransformer(config.backbone.d_model, config.backbone.n_layers // 2, 1, 1)
    sizes = [
        sum(x.numel() for name, x in model.state_dict().items() if "cache" not in name)
        for model in (ours, theirs)
    ]
    # The kernels' own parameters are what ours has more.
    assert 1 < sizes[0] / sizes[1] < 1.15


@pytest.mark.parametrize("name", ["S4D", "Transformer with cache"])
def test_cases_make_tokens(name: str) -> None:
    (group,) = generation(QUICK, 1)
    case = next(case for case in group.cases if case.name == name)
    tokens = prepare(case).forward()
    assert tokens.shape == (1,)
    assert torch.equal(prepare(case).forward() >= 0, torch.tensor([True]))


def test_ratios_are_of_a_token_at_the_same_context(tmp_path: Path) -> None:
    group = next(iter(generation(FULL, 1)))
    seconds = {"S4D": 1.0, "SGConv": 2.0}
    rows = tuple(
        Row(case, (Measurement([1.0], [seconds.get(case.name, case.length / 100)], 1, 1, "x"),))
        for case in group.cases
    )
    result = GroupResult(group, rows)
    by_name = {(row.case.name, row.case.length): row for row in rows}
    assert result.ratio(by_name["S4D", 4096]) == 1
    assert result.ratio(by_name["Transformer with cache", 4096]) == pytest.approx(40.96)
    tokens = by_name["SGConv", 4096].case.parameters["tokens"]
    assert result.ratio(by_name["SGConv", 4096]) == pytest.approx(2 * 32 / tokens)
    assert all(path.stat().st_size > 0 for path in plot_tokens(result, tmp_path / "picture"))


def test_groups() -> None:
    groups = list(generation(FULL, 2))
    assert [group.cases[0].parameters["batch"] for group in groups] == [1, 16, 64]
    assert all(isinstance(group, Group) and group.tokens and group.plot for group in groups)
    for group in groups:
        assert {case.threads for case in group.cases} == {1}
        assert {"S4", "S4D", "DSS", "SGConv", "Transformer with cache"} == {
            case.name for case in group.cases
        }
