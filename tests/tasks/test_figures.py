import pytest

from s4audio.tasks.figures import better, figure


@pytest.mark.parametrize(
    ("name", "way"),
    [("val/accuracy", "max"), ("test/macro_f1", "max"), ("val/loss", "min"), ("val/rmse", "min")],
)
def test_better(name: str, way: str) -> None:
    assert better(name) == way


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("val/accuracy", 0.5, "50.00%"),
        ("val/loss", 2.0, "2.000"),
        ("val/perplexity", 20.951, "20.95"),
    ],
)
def test_figure(name: str, value: float, text: str) -> None:
    assert figure(name, value) == text
