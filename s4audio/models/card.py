"""The page of a model on the hub."""

from s4audio.models.classifier import SequenceClassifier


def model_card(model: SequenceClassifier, name: str) -> str:
    """What can be told from the model alone; the rest is for its owner to fill in.

    Args:
        model: what the page is about.
        name: by which `s4audio.load` finds it.

    Returns:
        Markdown that begins with the fields that the hub reads.
    """
    parameters = sum(p.numel() for p in model.parameters())
    return f"""---
library_name: s4audio
pipeline_tag: audio-classification
tags:
- s4audio
- {model.config.kind}
- long-convolution
---

# {name.rpartition("/")[2]}

A classifier of sequences whose layers are global convolutions.

- classes: {", ".join(f"`{label}`" for label in model.labels)}
- sample rate: {model.sample_rate:,} Hz
- parameters: {parameters:,}
- kernel: {model.config.kind}
- causal: {"no, it looks at the future too" if model.config.bidirectional else "yes"}

Install with `pip install 's4audio[hub]'`, then:

```python
import s4audio

model = s4audio.load("{name}")
```

Accuracy, training data and licence are for the owner of this repository to fill in here.
"""
