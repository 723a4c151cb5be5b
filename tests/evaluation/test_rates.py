"""The sweep over sample rates."""

import numpy as np
import pytest
import torch

from s4audio.data.audio import resample
from s4audio.errors import UserError
from s4audio.evaluation import sweep_rates

RATES = [16_000, 8_000, 11_025, 22_050, 48_000, 4_000]


def sweep(model, clips, rates, **options):
    return sweep_rates(model, clips, rates, progress=False, **options)


def test_rows_and_factors(model, clips):
    found = sweep(model, clips, RATES)
    assert [(row.sample_rate, row.method, row.rescaled, row.rate) for row in found.rows] == [
        (48_000, "resampling", True, 1 / 3),
        (48_000, "resampling", False, 1.0),
        (22_050, "resampling", True, 16_000 / 22_050),
        (22_050, "resampling", False, 1.0),
        (16_000, "native", True, 1.0),
        (11_025, "resampling", True, 16_000 / 11_025),
        (11_025, "resampling", False, 1.0),
        (8_000, "decimation", True, 2.0),
        (8_000, "decimation", False, 1.0),
        (8_000, "resampling", True, 2.0),
        (8_000, "resampling", False, 1.0),
        (4_000, "decimation", True, 4.0),
        (4_000, "decimation", False, 1.0),
        (4_000, "resampling", True, 4.0),
        (4_000, "resampling", False, 1.0),
    ]
    assert all(row.clips == 12 and row.non_finite == 0 and row.seconds > 0 for row in found.rows)
    assert found.predictions.shape == (15, 12)
    assert found.rows[found.main_row()].sample_rate == 16_000


def test_rescaling_keeps_the_pitch(model, clips):
    """Rescaled, every tone is told at every rate; not rescaled, the filters sit elsewhere."""
    for row in sweep(model, clips, RATES).rows:
        if row.rescaled:
            assert row.accuracy == row.macro_f1 == 1.0, row
            assert row.interval == pytest.approx((0.7575, 1.0), abs=1e-4)
        else:
            assert row.accuracy < 0.8, row


def test_predictions_stay_with_their_clips(model, make_clips, clips):
    """Batches are formed by length; predictions come back in the order of the clips."""
    shuffled = np.random.default_rng(0).permutation(len(clips))
    other = make_clips([clips.waveforms[i] for i in shuffled], clips.targets[shuffled])
    rates = [16_000, 11_025]
    expected = sweep(model, clips, rates, batch_size=5).predictions[:, shuffled]
    assert np.array_equal(sweep(model, other, rates, batch_size=5).predictions, expected)


def test_batches_do_not_change_predictions(model, clips):
    rates = [16_000, 11_025, 48_000]
    one_by_one = sweep(model, clips, rates, batch_size=1)
    together = sweep(model, clips, rates, batch_size=64)
    assert np.array_equal(one_by_one.predictions, together.predictions)


def test_batches_are_sorted_padded_and_have_lengths(model, clips):
    sweep(model, clips, [16_000], batch_size=8)
    assert [shape for shape, _, _ in model.calls] == [(8, 1680, 1), (4, 1040, 1)]
    lengths = [length for _, batch, _ in model.calls for length in batch]
    assert lengths == sorted(clips.sizes().tolist(), reverse=True)


def test_equal_lengths_need_no_mask(model, make_clips):
    sweep(model, make_clips([np.ones(90)] * 3, [0, 1, 2]), [16_000])
    assert model.calls == [((3, 90, 1), None, 1.0)]


def test_batches_above_the_own_rate_hold_fewer_clips(model, clips):
    sweep(model, clips, [48_000], batch_size=6)
    assert {shape[0] for shape, _, _ in model.calls} == {2}


def test_inputs_of_both_methods(make_model, make_clips):
    """Decimation is x[::k], tail kept; resampling is that of the audio module."""
    seen = []

    class Recorder(make_model):
        def forward(self, x, lengths=None, rate=1.0):
            seen.append(x[0, :, 0].numpy().copy())
            return super().forward(x, lengths, rate)

    waveform = np.random.default_rng(0).uniform(-1, 1, 1003).astype(np.float32)
    sweep(Recorder().eval(), make_clips([waveform], [0]), [4_000])
    decimated, resampled = seen[0], seen[2]
    assert np.array_equal(decimated, waveform[::4])
    assert len(decimated) == 251
    assert np.array_equal(resampled, resample(waveform, 16_000, 4_000))


def test_clips_of_another_rate_than_the_model(model, make_clips):
    """The step follows the model's rate, the methods that of the clips."""
    clips = make_clips([np.ones(100)], [0], sample_rate=8_000)
    rows = sweep(model, clips, [16_000, 8_000, 4_000]).rows
    assert [(row.sample_rate, row.method, row.rate) for row in rows] == [
        (16_000, "resampling", 1.0),
        (8_000, "native", 2.0),
        (8_000, "native", 1.0),
        (4_000, "decimation", 4.0),
        (4_000, "decimation", 1.0),
        (4_000, "resampling", 4.0),
        (4_000, "resampling", 1.0),
    ]


def test_modes_are_kept(make_model, clips):
    """Dropout is off while evaluating; every module gets its own mode back."""
    model = make_model().train()
    assert sweep(model, clips, [16_000]).rows[0].accuracy == 1.0
    assert model.training
    assert model.dropout.training
    model.dropout.eval()
    sweep(model, clips, [16_000])
    assert model.training
    assert not model.dropout.training


def test_a_rate_at_which_the_model_fails_leaves_the_others(make_model, clips):
    found = sweep(make_model(shortest=500), clips, [16_000, 4_000])
    assert [row.sample_rate for row in found.rows] == [16_000]
    assert [(f.sample_rate, f.method) for f in found.failures] == [
        (4_000, "decimation"),
        (4_000, "resampling"),
    ]
    assert found.failures[0].message == "time 420 is shorter than the stride 500"


def test_a_model_that_fails_at_every_rate(make_model, clips):
    with pytest.raises(UserError, match=r"at 16 kHz: time 1680 is shorter than the stride 9999"):
        sweep(make_model(shortest=9999), clips, [16_000, 8_000])


def test_non_finite_logits_are_reported(make_model, clips):
    class Overflow(make_model):
        def forward(self, x, lengths=None, rate=1.0):
            logits = super().forward(x, lengths, rate)
            logits[0, 1] = torch.inf if rate == 2.0 else logits[0, 1]
            return logits

    found = sweep(Overflow().eval(), clips, [16_000, 8_000], batch_size=4)
    own, decimated = found.rows[:2]
    assert own.non_finite == 0
    assert decimated.non_finite == 3
    assert decimated.accuracy == pytest.approx(9 / 12)
    assert (found.predictions[1] == -1).sum() == 3


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ([], "no sample rates"),
        ([16_000, 0], "sample rate 0"),
        ([-8_000], "sample rate -8000"),
        ([8_000, 16_000, 8_000], r"\[8000\] are listed more than once"),
    ],
)
def test_impossible_rates(model, clips, rates, message):
    with pytest.raises(ValueError, match=message):
        sweep(model, clips, rates)


def test_impossible_batch_size(model, clips):
    with pytest.raises(ValueError, match="batch_size 0"):
        sweep(model, clips, [16_000], batch_size=0)


@pytest.mark.parametrize(
    ("waveforms", "targets", "message"),
    [
        ([], [], "no clips"),
        ([np.ones(9), np.ones(0)], [0, 1], r"1\.wav holds no samples"),
        ([np.ones(9), np.ones(9)], [0, -1], r"1 of 2 clips have no label, first 1\.wav"),
    ],
)
def test_clips_that_cannot_be_scored(model, make_clips, waveforms, targets, message):
    with pytest.raises(UserError, match=message):
        sweep(model, make_clips(waveforms, targets), [16_000])


def test_labels_of_another_model(model, make_clips):
    clips = make_clips([np.ones(9)], [0], labels=["high", "middle", "low"])
    with pytest.raises(UserError, match="open the clips with the labels of the model"):
        sweep(model, clips, [16_000])


def test_real_model(clips):
    import s4audio

    torch.manual_seed(0)
    model = s4audio.create_model(
        "s4d", classes=3, d_model=8, n_layers=1, d_state=4, length=1680
    ).eval()
    clips.labels = list(model.labels)
    found = sweep(model, clips, [16_000, 8_000, 22_050], batch_size=5)
    assert not found.failures
    assert len(found.rows) == 7
    waveform = torch.from_numpy(clips[0].waveform[::2].copy())[None, :, None]
    with torch.inference_mode():
        expected = model(waveform, None, 2.0).argmax().item()
    decimated = [row.method == "decimation" and row.rescaled for row in found.rows].index(True)
    assert found.predictions[decimated, 0] == expected
