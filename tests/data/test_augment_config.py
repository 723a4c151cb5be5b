"""What a recipe may ask of the augmentation."""

import pytest

from s4audio.data import AugmentConfig
from s4audio.errors import UserError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise_probability": 1.5}, "noise_probability=1.5: give a number from 0 to 1"),
        ({"mask_probability": -0.1}, "mask_probability=-0.1: give a number from 0 to 1"),
        ({"telephone_probability": None}, "telephone_probability=None: give a number from 0 to 1"),
        ({"shift_ms": -1.0}, "shift_ms=-1.0: give a number from 0 to 60000"),
        ({"mask_ms": float("nan")}, "mask_ms=nan: give a number from 0 to 60000"),
        ({"gain_db": (3.0, -3.0)}, "gain_db=[3.0, -3.0]: the lowest number comes first"),
        ({"gain_db": 3.0}, "gain_db=3.0: give two numbers, [lowest, highest]"),
        ({"gain_db": (1.0, 2.0, 3.0)}, "gain_db=(1.0, 2.0, 3.0): give two numbers"),
        (
            {"noise_snr_db": (0.0, float("inf"))},
            "noise_snr_db=[0.0, inf]: give two numbers from -60 to 120",
        ),
        ({"speed": (0.0, 1.0)}, "speed=[0.0, 1.0]: give two numbers from 0.1 to 10"),
        ({"pitch_semitones": (-24, 0)}, "pitch_semitones=[-24, 0]: give two numbers from -12 to"),
        ({"reverberation_seconds": (0.0, 1.0)}, "reverberation_seconds=[0.0, 1.0]: give two"),
        ({"clipping_db": (-3.0, 0.0)}, "clipping_db=[-3.0, 0.0]: give two numbers from 0 to 60"),
        (
            {"band_low_hz": (50.0, 3000.0)},
            "band_low_hz=[50.0, 3000.0] reaches into band_high_hz=[2500.0, 7500.0]",
        ),
    ],
)
def test_impossible_options(options: dict[str, float], message: str):
    with pytest.raises(UserError) as caught:
        AugmentConfig(**options)
    assert str(caught.value).startswith(f"augment.{message}")
    assert "\n" not in str(caught.value)


def test_the_limits_themselves_are_allowed():
    AugmentConfig(
        noise_probability=1.0, shift_ms=0.0, speed=(0.1, 10.0), band_low_hz=(0.0, 0.0), mask_ms=0
    )
