"""Bringing a foreign checkpoint along: wrappers, configs, and everything that can be wrong."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import s4audio
from s4audio import UserError
from s4audio.interop import dss_layer, from_state_spaces, import_checkpoint, sgconv_layer
from s4audio.kernels.dss import VERSIONS

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name: str) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, np.ndarray]]:
    with np.load(GOLDEN / f"{name}.npz") as file:
        arrays = dict(file)
    config = json.loads(str(arrays["config"]))
    state = {
        n.removeprefix("state."): torch.from_numpy(x.copy())
        for n, x in arrays.items()
        if n.startswith("state.")
    }
    return state, config, arrays


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(golden("s4_causal")[1]))
    return path


@pytest.mark.parametrize("wrapper", [None, "state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_checkpoint_file(
    wrapper: str | None, prefix: str, config_file: Path, tmp_path: Path
) -> None:
    state, _, arrays = golden("s4_causal")
    named: dict[str, Any] = {prefix + name: x for name, x in state.items()}
    torch.save({wrapper: named, "epoch": 3} if wrapper else named, tmp_path / "weights.ckpt")
    import_checkpoint(tmp_path / "weights.ckpt", config_file, tmp_path / "out")
    model = s4audio.load(tmp_path / "out")
    with torch.no_grad():
        logits = model(torch.from_numpy(arrays["u"]))
    expected = torch.from_numpy(arrays["logits_rate1"])
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def test_yaml_config_with_labels(tmp_path: Path) -> None:
    import yaml

    state, config, _ = golden("s4d_lin_causal")
    labels = [f"word{i}" for i in range(10)]
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({**config, "labels": labels, "sample_rate": 8000}))
    torch.save(state, tmp_path / "weights.pt")
    model = import_checkpoint(tmp_path / "weights.pt", path, tmp_path / "out")
    assert model.labels == tuple(labels)
    assert model.sample_rate == 8000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": {"mode": "ssd"}}, r"mode='ssd' is not supported: choose one of 'nplr'"),
        ({"layer": {"gate": 2}}, r"layer\.gate=2 is not supported"),
        ({"layer": {"n_ssm": 1, "activation": "relu"}}, r"activation='relu' is not supported"),
        ({"norm": "group"}, r"norm='group' is not supported"),
        ({"pool": "sum"}, r"pool='sum' is not supported"),
        ({"norm": "layer"}, r"no place here, the first is 'model\.layers\.0\.norm"),
        ({"n_layers": 3}, r"the weights have no 'model\.layers\.2"),
        ({"n_layers": 1}, r"foreign parameters have no place here"),
        ({"layer": {"mode": "nplr", "final_act": None}}, r"has shape \(32, 16\)"),
        ({"labels": ["a", "b"]}, r"decoder.*shape"),
    ],
)
def test_config_that_does_not_fit(change: dict[str, Any], message: str) -> None:
    state, config, _ = golden("s4_causal")
    with pytest.raises(UserError, match=message):
        from_state_spaces(state, {**config, **change})


def test_missing_config_entry() -> None:
    state, config, _ = golden("s4_causal")
    del config["n_layers"]
    with pytest.raises(UserError, match="the config has no 'n_layers'"):
        from_state_spaces(state, config)


def test_nan_weights_are_refused() -> None:
    state, config, _ = golden("s4_causal")
    state["encoder.bias"][0] = torch.nan
    with pytest.raises(UserError, match=r"'encoder\.bias' holds NaN"):
        from_state_spaces(state, config)


def test_softplus_steps_are_the_same_steps() -> None:
    state, config, arrays = golden("s4d_lin_causal")
    layer = {**config["layer"], "dt_transform": "softplus"}
    for name in list(state):
        if name.endswith("inv_dt"):
            state[name] = state[name].double().exp().expm1().log()
    model = from_state_spaces(state, {**config, "layer": layer})
    with torch.no_grad():
        features = model.features(torch.from_numpy(arrays["u"]))
    expected = torch.from_numpy(arrays["features_rate1"])
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


# The layer as configs/model/layer/s4.yaml of the repository writes it out.
PUBLISHED_LAYER = {
    "_name_": "s4",
    "channels": 1,
    "gate": None,
    "gate_act": "id",
    "bottleneck": None,
    "mult_act": None,
    "postact": None,
    "initializer": None,
    "weight_norm": False,
    "measure": None,
    "rank": 1,
    "lr": {"dt": 0.001, "A": 0.001, "B": 0.001},
    "wd": 0.0,
    "deterministic": False,
}


@pytest.mark.parametrize(
    "more", [{}, {"init": "hippo"}, {"init": "all"}, {"mode": "s4"}, {"postact": "glu"}]
)
def test_published_layer_config(more: dict[str, Any]) -> None:
    state, config, arrays = golden("s4_causal")
    layer = {**config["layer"], **PUBLISHED_LAYER, **more}
    model = from_state_spaces(state, {**config, "layer": layer})
    assert model.config.glu
    with torch.no_grad():
        logits = model(torch.from_numpy(arrays["u"]))
    expected = torch.from_numpy(arrays["logits_rate1"])
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def test_low_rank_factors_are_not_dropped() -> None:
    state, config, _ = golden("s4_causal")
    for name in list(state):
        if name.endswith("kernel.P"):
            state[name] = state[name].repeat(2, 1, 1, 1)
    with pytest.raises(UserError, match=r"kernel\.P has shape \(2, 1, 4, 2\)"):
        from_state_spaces(state, config)


def test_state_before_the_set_up_of_the_kernel() -> None:
    """The repository tunes C to the training length in the first forward pass."""
    state, config, arrays = golden("s4_causal")
    tuned = from_state_spaces(state, config)
    for i, block in enumerate(tuned.backbone.blocks):
        re, im = (block.convolution.kernel.transition(1.0)[2] / 2).float().chunk(2, dim=-1)
        prefix = f"model.layers.{i}.layer.layer.kernel"
        state[f"{prefix}.C"] = torch.stack([re, -im], dim=-1).detach()
        state[f"{prefix}.l_kernel"] = torch.tensor(0)
    with torch.no_grad():
        logits = from_state_spaces(state, config)(torch.from_numpy(arrays["u"]))
    expected = torch.from_numpy(arrays["logits_rate1"])
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", ["sgconv_d32", "sgconv_bidirectional"])
def test_state_before_the_norm_is_measured(name: str) -> None:
    """The repository measures the norm of the kernel in the first forward pass."""
    state, config, arrays = golden(name)
    state["kernel_norm"] = torch.ones(config["H"], 1)
    state["kernel_norm_initialized"] = torch.tensor(False)
    with torch.no_grad():
        y = sgconv_layer(state, config)(torch.from_numpy(arrays["u"]))
    expected = torch.from_numpy(arrays["y"])
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def test_unknown_versions_and_modes() -> None:
    state, config, _ = golden("dss_exp")
    with pytest.raises(UserError, match="version='soft' is not supported"):
        dss_layer(state, {**config, "version": "soft"})
    with pytest.raises(UserError, match="the config has no 'N'"):
        dss_layer(state, {"H": 8, "L": 512, "version": "exp"})
    state, config, _ = golden("sgconv_d32")
    with pytest.raises(UserError, match="SGConv mode 'cat_hankel' is not supported"):
        sgconv_layer(state, {**config, "mode": "cat_hankel"})


def test_bad_files(config_file: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    with pytest.raises(UserError, match="no file at"):
        import_checkpoint(weights, config_file, tmp_path / "out")
    torch.save([1, 2, 3], weights)
    with pytest.raises(UserError, match="holds no state dictionary"):
        import_checkpoint(weights, config_file, tmp_path / "out")
    torch.save({"fc.weight": torch.zeros(2, 2)}, weights)
    with pytest.raises(UserError, match=r"weights\.pt and .*config\.json are no .*weights have"):
        import_checkpoint(weights, config_file, tmp_path / "out")
    torch.save({**golden("s4_causal")[0], "encoder.weight": torch.zeros(16)}, weights)
    with pytest.raises(UserError, match=r"are no classifier to import: .*range"):
        import_checkpoint(weights, config_file, tmp_path / "out")
    torch.save(golden("s4_causal")[0], weights)
    with pytest.raises(UserError, match="no config at"):
        import_checkpoint(weights, tmp_path / "none.json", tmp_path / "out")
    null_layer = json.dumps({**golden("s4_causal")[1], "layer": None})
    for text, message in (
        ("{", "not valid JSON"),
        ("[1]", "holds list"),
        (null_layer, "are no classifier to import"),
    ):
        config_file.write_text(text)
        with pytest.raises(UserError, match=message):
            import_checkpoint(weights, config_file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("version", VERSIONS)
def test_dss_formula_of_every_version(version: str) -> None:
    """Weights in the layout of the repository against the formula, written out."""
    torch.manual_seed(0)
    H, N, L = 3, 5, 40
    pairs = torch.stack([-torch.rand(N) - 0.1, 5 * torch.rand(N) + 0.1], -1)
    if version == "softmax":
        pairs[0, 0] = 0.4
    if version.startswith("clip"):
        pairs[0, 0] = 2.0
    log_dt, W = torch.randn(H) - 3, torch.randn(1, H, N, 2)
    state = {"kernel.log_dt": log_dt, "kernel.W": W, "D": torch.zeros(1, H)}
    state |= {"output_linear.weight": torch.eye(H), "output_linear.bias": torch.zeros(H, 1)}
    if version.startswith("exp"):
        state["kernel.Lambda_log_neg_re"] = (-pairs[:, 0]).log()
        name = "Lambda_log_im" if version == "exp-re-im" else "Lambda_im"
        state[f"kernel.{name}"] = pairs[:, 1].log() if "log" in name else pairs[:, 1]
    else:
        state["kernel.Lambda"] = pairs
    real = pairs[:, 0].clamp(max=1e-4) if version.startswith("clip") else pairs[:, 0]
    Lambda = torch.complex(real, pairs[:, 1]).to(torch.complex128)
    z = log_dt.double().exp()[:, None] * Lambda
    powers = torch.exp(z[..., None] * torch.arange(L))
    scale = torch.ones_like(z)
    if not version.endswith("no-scale"):
        scale = (z.exp() - 1) / Lambda
    if version == "softmax":
        scale = 1 / (powers.sum(-1) * Lambda)
    expected = torch.einsum("hn,hnl->hl", torch.view_as_complex(W[0].double()) * scale, powers).real
    kernel = dss_layer(state, {"H": H, "N": N, "L": L, "version": version}).kernel
    torch.testing.assert_close(kernel(L)[0].double(), expected, rtol=1e-4, atol=1e-5)


def test_script(
    config_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.save(golden("s4_causal")[0], tmp_path / "weights.pt")
    script = Path(__file__).parents[2] / "tools" / "import_checkpoint.py"
    arguments = [script, tmp_path / "weights.pt", config_file, tmp_path / "out"]
    monkeypatch.setattr(sys, "argv", [str(x) for x in arguments])
    runpy.run_path(str(script), run_name="__main__")
    parameters = sum(p.numel() for p in s4audio.load(tmp_path / "out").parameters())
    assert f"s4, {parameters:,} parameters" in capsys.readouterr().out
    (tmp_path / "weights.pt").unlink()
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(str(script), run_name="__main__")
    assert "no file at" in capsys.readouterr().err
