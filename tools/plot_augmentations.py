"""Draw what each augmentation does to a spoken clip, as spectrograms.

    python tools/plot_augmentations.py data docs/images

`data` holds Speech Commands. Needs librosa: pip install 's4audio[docs]'.
"""

import argparse
import sys
from pathlib import Path

import librosa
import matplotlib as mpl
import numpy as np
import torch
from matplotlib import pyplot as plt

from s4audio.data import AugmentConfig, Clips, SpeechCommands
from s4audio.data.augment import augment, clip_seeds
from s4audio.data.cache import decoded

# One value where a recipe gives a range, so that the picture shows what its title says.
EFFECTS = {
    "as recorded": AugmentConfig(),
    "speed: 1.3 times": AugmentConfig(speed=(1.3, 1.3)),
    "pitch: 5 semitones up": AugmentConfig(pitch_probability=1.0, pitch_semitones=(5.0, 5.0)),
    "place": AugmentConfig(place_probability=1.0),
    "shift": AugmentConfig(shift_ms=400.0),
    "reverberation: 0.5 s": AugmentConfig(
        reverberation_probability=1.0,
        reverberation_seconds=(0.5, 0.5),
        reverberation_direct_db=(0.0, 0.0),
    ),
    "mask": AugmentConfig(mask_probability=1.0, mask_ms=300.0),
    "noise: white, 10 dB": AugmentConfig(
        noise_probability=1.0, noise_slope=(0.0, 0.0), noise_snr_db=(10.0, 10.0)
    ),
    "noise: brown, 10 dB": AugmentConfig(
        noise_probability=1.0, noise_slope=(2.0, 2.0), noise_snr_db=(10.0, 10.0)
    ),
    "notch: up to 800 mel": AugmentConfig(notch_probability=1.0, notch_mel=800.0),
    "background: 5 dB": AugmentConfig(background_probability=1.0, background_snr_db=(5.0, 5.0)),
    "speech: 5 dB": AugmentConfig(speech_probability=1.0, speech_snr_db=(5.0, 5.0)),
    "gain: 12 dB less": AugmentConfig(gain_db=(-12.0, -12.0)),
    "clipping: 20 dB below the peak": AugmentConfig(
        clipping_probability=1.0, clipping_db=(20.0, 20.0)
    ),
    "band: 300 to 2500 Hz": AugmentConfig(
        band_probability=1.0, band_low_hz=(300.0, 300.0), band_high_hz=(2500.0, 2500.0)
    ),
    "telephone": AugmentConfig(telephone_probability=1.0),
}
COLUMNS = 5


def draw(clips: Clips, index: int, background: Clips, seed: int) -> plt.Figure:
    """One spectrogram for each effect.

    Args:
        clips: the training split.
        index: row of the clip in it.
        background: recordings of noise.
        seed: of what is drawn at random: places, noises, other clips.
    """
    waveforms, lengths = clips.stack([index])
    seeds = clip_seeds(seed, np.array([0]), np.array([index]))
    rows = -(-len(EFFECTS) // COLUMNS)
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(12, 2.3 * rows), sharex=True, sharey=True, layout="constrained"
    )
    for axis, (title, config) in zip(axes.flat, EFFECTS.items(), strict=True):
        changed = augment(
            waveforms,
            lengths,
            config,
            sample_rate=clips.sample_rate,
            seeds=seeds,
            background=background,
            speech=clips,
        )
        spectrum = np.abs(librosa.stft(changed[0].numpy(), n_fft=512, hop_length=128))
        # 0 dB is the same level in all pictures.
        reference = 100 * float(waveforms.square().mean().sqrt())
        librosa.display.specshow(
            librosa.amplitude_to_db(spectrum, ref=reference, top_db=None),
            sr=clips.sample_rate,
            hop_length=128,
            x_axis="s",
            y_axis="linear",
            vmin=-70,
            vmax=0,
            cmap="magma",
            ax=axis,
            rasterized=True,
        )
        axis.set_title(title, fontsize=9)
        axis.set(xlabel="", ylabel="")
        axis.yaxis.set_major_formatter(lambda hertz, _: f"{hertz / 1000:g}")
        axis.tick_params(labelsize=8)
    figure.supxlabel("time (s)", fontsize=9)
    figure.supylabel("frequency (kHz)", fontsize=9)
    return figure


def main() -> None:
    """Read the data set, draw, save."""
    parser = argparse.ArgumentParser(description="Draw the augmentations of a spoken clip.")
    parser.add_argument("data", type=Path, help="folder that holds Speech Commands")
    parser.add_argument("output", type=Path, help="folder for augmentations.png and .svg")
    parser.add_argument("--clip", default="stop/1acc97de_nohash_1.wav", help="a training clip")
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args()

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "s4audio"  # the same file each time
    torch.set_num_threads(1)
    data = SpeechCommands(options.data, words=10)
    clips = data.split("train")
    if options.clip not in clips.names:
        raise ValueError(f"--clip {options.clip}: not a training clip, such as {clips.names[0]}")
    noises = [source for source in data.sources() if source.part == "noise"]
    background = Clips(decoded(noises, data.sample_rate), np.arange(len(noises)), [])
    figure = draw(clips, clips.names.index(options.clip), background, options.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.output / "augmentations.png", dpi=80)
    figure.savefig(options.output / "augmentations.svg", dpi=80, metadata={"Date": None})


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        print(f"plot_augmentations: {error}", file=sys.stderr)
        sys.exit(2)
