"""Speech through the bundled eSpeak NG."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from s4audio.data import espeak
from s4audio.data.espeak import Espeak, list_variants, list_voices, synthesize
from s4audio.errors import UserError

pytest.importorskip("espeakng_loader", reason="the extra 'synthetic' is not installed")


@pytest.fixture
def speech() -> np.ndarray:
    return synthesize("left")


def test_speech_is_a_sound_waveform(speech):
    assert speech.dtype == np.float32
    assert speech.ndim == 1
    assert 0.2 < len(speech) / 16_000 < 1.5
    assert 0.1 < np.abs(speech).max() < 1.0


def test_sample_rate(speech):
    assert len(synthesize("left", sample_rate=8_000)) == pytest.approx(len(speech) / 2, abs=2)


def test_same_arguments_give_the_same_samples_whatever_was_said_before(speech):
    other = synthesize("a longer sentence", "en-gb-scotland+klatt4", rate=300, pitch=90)
    assert len(other) > len(speech)
    np.testing.assert_array_equal(synthesize("left"), speech)


def test_new_engines_in_the_same_order_give_the_same_samples():
    def sequence() -> np.ndarray:
        with Espeak() as engine:
            return np.concatenate([engine.synthesize(w, "en-us+m1") for w in ("yes", "no", "yes")])

    np.testing.assert_array_equal(sequence(), sequence())


_SAY = """
import hashlib
from s4audio.data.espeak import Espeak

with Espeak() as engine:
    for voice in ("en-us+f2", "en-us+whisper"):
        print(hashlib.sha256(engine.synthesize("seven", voice).tobytes()).hexdigest())
"""


def test_breath_is_the_same_in_every_process():
    def said() -> list[str]:
        command = [sys.executable, "-c", _SAY]
        return subprocess.check_output(command, text=True).split()

    first = said()
    time.sleep(1.1)  # the library's own seed is the time in seconds
    assert said() == first
    assert len(set(first)) == 2


def test_two_open_engines_do_not_share_their_state(speech):
    with Espeak() as first, Espeak() as second:
        first.synthesize("something else", "en-029+croak")
        waveform = second.synthesize("left")
    assert len(waveform) == pytest.approx(len(speech) * 22_050 / 16_000, abs=2)
    with Espeak() as alone:
        np.testing.assert_array_equal(waveform, alone.synthesize("left"))


@pytest.mark.parametrize(
    "change",
    [
        {"text": "right"},
        {"voice": "en-gb-scotland"},
        {"voice": "en-us+f2"},
        {"rate": 120},
        {"pitch": 80},
        {"pitch_range": 99},
    ],
)
def test_every_argument_has_an_effect(speech, change):
    changed = synthesize(**{"text": "left", **change})
    assert changed.shape != speech.shape or not np.allclose(changed, speech)


def test_rate_and_volume_go_the_right_way():
    with Espeak() as engine:
        slow, fast = (engine.synthesize("stop", rate=rate) for rate in (100, 250))
        quiet, loud = (engine.synthesize("stop", volume=volume) for volume in (30, 90))
        silent = engine.synthesize("stop", volume=0)
    assert len(slow) > 1.3 * len(fast)
    assert np.abs(loud).max() > 2 * np.abs(quiet).max()
    assert np.abs(silent).max() == 0.0


def test_text_without_words_is_silent():
    assert np.abs(synthesize("...")).max(initial=0.0) == 0.0


def test_text_outside_ascii():
    assert not np.array_equal(synthesize("Äpfel", "de"), synthesize("Apfel", "de"))


def test_voices_and_variants_are_listed():
    voices, variants = list_voices(), list_variants()
    assert voices == sorted(voices)
    assert {"en-us", "en-gb", "en-029", "de"} <= {voice.name for voice in voices}
    genders = {variant.name: variant.gender for variant in variants}
    assert genders["m1"] == "male"
    assert genders["f2"] == "female"
    assert "m1" not in {voice.name for voice in voices}


@pytest.mark.parametrize("voice", ["en-zz", "en-us+nobody", "en-us+", "", "f2"])
def test_unknown_voice(voice):
    with pytest.raises(UserError, match=r"no voice .*use e\.g\. en-029"):
        synthesize("left", voice)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("rate", 79), ("rate", 451), ("pitch", -1), ("pitch", 100), ("pitch_range", 100)],
)
def test_number_out_of_range(argument, value):
    with pytest.raises(UserError, match=f"{argument}={value}: choose an integer from"):
        synthesize("left", **{argument: value})


def test_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UserError, match=r"pip install 's4audio\[synthetic\]'"):
        synthesize("left")


def test_incomplete_package(monkeypatch, tmp_path):
    import espeakng_loader

    monkeypatch.setattr(espeakng_loader, "get_library_path", lambda: str(tmp_path / "none.so"))
    with pytest.raises(UserError, match="incomplete: reinstall"):
        Espeak()


def test_damaged_voices(monkeypatch, tmp_path):
    library, _ = espeak.installed()
    data = tmp_path / "espeak-ng-data"
    data.mkdir()
    (data / "phontab").write_bytes(b"")
    monkeypatch.setattr(espeak, "installed", lambda: (library, data))
    with pytest.raises(UserError, match="cannot read its voices"):
        Espeak()


def test_data_in_a_folder_with_a_long_name(monkeypatch, tmp_path, speech):
    library, data = espeak.installed()
    far = tmp_path.joinpath(*["a_long_folder_name" * 4] * 3)
    far.mkdir(parents=True)
    (far / data.name).symlink_to(data, target_is_directory=True)
    monkeypatch.setattr(espeak, "installed", lambda: (library, far / data.name))
    np.testing.assert_array_equal(synthesize("left"), speech)


def test_closing_removes_the_private_copy():
    engine = Espeak()
    folder = Path(engine._folder.name)
    assert folder.is_dir()
    engine.close()
    engine.close()
    assert not folder.exists()
    with pytest.raises(RuntimeError, match="closed"):
        engine.synthesize("left")


def test_threads_may_share_an_engine():
    results: dict[int, int] = {}
    with Espeak() as engine:

        def work(number: int) -> None:
            results[number] = min(len(engine.synthesize("left", rate=150)) for _ in range(10))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        alone = len(engine.synthesize("left", rate=150))
    assert len(results) == 4
    # The state that runs on moves the end of a word by a glottal period at most.
    assert all(abs(length - alone) < 500 for length in results.values())
