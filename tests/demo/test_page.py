"""The page in Chromium, which has a recording as microphone.

.ci/browser.sh prepares a machine for it; elsewhere these tests are skipped.
"""

import importlib.util
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import soundfile

from s4audio.demo import DemoServer, server
from s4audio.streaming.detector import Event

# Test files have no package, so their helpers are loaded by path.
_spec = importlib.util.spec_from_file_location("browser", Path(__file__).with_name("browser.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
Browser = _module.Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")


class Example(Protocol):
    """What the fixture `example` gives."""

    folder: Path
    events: list[Event]
    options: dict[str, float]


@contextmanager
def served(model: bytes | None, runtime: Path) -> Iterator[str]:
    """Address of the page, while it is served."""
    with DemoServer(model, runtime, 0) as demo:
        thread = threading.Thread(target=demo.serve_forever)
        thread.start()
        try:
            yield demo.url
        finally:
            demo.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def address(runtime: Path, example: Example) -> Iterator[str]:
    """The page with the shipped model."""
    with served((example.folder / "shipped.onnx").read_bytes(), runtime) as url:
        yield url


@pytest.fixture
def bare_address(tmp_path: Path) -> Iterator[str]:
    """The page without a model or onnxruntime-web."""
    with served(None, tmp_path) as url:
        yield url


@pytest.fixture
def browser(address: str, example: Example, tmp_path: Path) -> Iterator[Browser]:
    """The page after it has found its model; nothing may go wrong in it unnoticed."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium (Debian: chromium)")
    browser = Browser(program, tmp_path / "profile", example.folder / "microphone.wav")
    try:
        browser.call("Page.navigate", {"url": address})
        browser.wait_for("document.querySelector('#microphone')?.disabled === false")
        yield browser
        notices = browser.notices
        failures = [x for x in notices if x["method"] == "Runtime.exceptionThrown"]
        assert not failures
        requests = [x for x in notices if x["method"] == "Network.requestWillBeSent"]
        urls = {x["params"]["request"]["url"] for x in requests}
        assert urls
        local = ("http://127.0.0.1:", "data:")
        assert all(url.startswith(local) for url in urls), urls
    finally:
        browser.close()


IDLE = "document.querySelector('#microphone').textContent === 'Microphone'"
LISTENING = "document.querySelector('#microphone').textContent === 'Stop'"


def text(browser: Browser, identifier: str) -> str:
    return browser.evaluate(f"document.querySelector('#{identifier}').textContent")


def wait_for_text(browser: Browser, identifier: str, expected: str) -> None:
    element = f"document.querySelector('#{identifier}')"
    browser.wait_for(f"{element}.textContent.includes({json.dumps(expected)})")


def press(browser: Browser) -> None:
    browser.evaluate("document.querySelector('#microphone').click()")


def set_options(browser: Browser, options: dict[str, float]) -> None:
    for name, value in options.items():
        browser.evaluate(f"document.forms.options.{name}.value = {value}")


def hear_recording(browser: Browser, example: Example) -> None:
    path = example.folder / "words.wav"
    browser.open_file(path)
    wait_for_text(browser, "status", f"{soundfile.info(path).duration:.1f} s heard")
    browser.wait_for(IDLE)


def listed_events(browser: Browser) -> list[list]:
    """Word, score, start and end of each row of the table, oldest first."""
    return browser.evaluate(
        "[...document.querySelectorAll('#events tr')].reverse().map(row =>"
        " [row.cells[0].textContent,"
        "  ...[...row.querySelectorAll('data')].map(data => Number(data.value))])"
    )


def assert_events(browser: Browser, events: list) -> None:
    listed = listed_events(browser)
    assert [event[0] for event in listed] == [event.word for event in events]
    expected = [[event.score, event.start, event.end] for event in events]
    np.testing.assert_allclose([event[1:] for event in listed], expected, atol=1e-4)


def test_a_recording_gives_the_events_of_python(browser: Browser, example: Example) -> None:
    assert browser.evaluate("document.querySelectorAll('#scores meter').length") == 12
    set_options(browser, example.options)
    hear_recording(browser, example)
    assert_events(browser, example.events)


def test_the_microphone_gives_the_same_words(browser: Browser, example: Example) -> None:
    browser.permit_microphone("granted")
    set_options(browser, example.options)
    press(browser)
    browser.wait_for(LISTENING)
    browser.wait_for("document.querySelector('#level').value > -40")
    words = [event.word for event in example.events]
    browser.wait_for(f"document.querySelectorAll('#events tr').length >= {len(words)}")
    if path := os.environ.get("S4AUDIO_SCREENSHOT"):
        browser.photograph(Path(path))
    press(browser)
    browser.wait_for(IDLE)
    events = listed_events(browser)
    assert [event[0] for event in events] == words
    # The microphone opens a moment before the page hears it.
    gaps = np.diff([event[3] for event in events])
    expected = np.diff([event.end for event in example.events])
    np.testing.assert_allclose(gaps, expected, atol=0.1)


def test_a_recording_takes_over_from_the_microphone(browser: Browser, example: Example) -> None:
    browser.permit_microphone("granted")
    set_options(browser, example.options)
    press(browser)
    browser.wait_for(LISTENING)
    wait_for_text(browser, "status", "s heard")
    hear_recording(browser, example)
    assert_events(browser, example.events)
    assert text(browser, "error") == ""


def test_a_refused_microphone(browser: Browser) -> None:
    browser.permit_microphone("denied")
    press(browser)
    refusal = "the browser refused the microphone: allow it for this page and try again"
    wait_for_text(browser, "error", refusal)
    assert browser.evaluate(IDLE)


def test_files_that_are_none_of_ours(browser: Browser, example: Example) -> None:
    before = text(browser, "model")
    browser.open_file(example.folder / "foreign.onnx")
    wait_for_text(browser, "error", "foreign.onnx is not a model of s4audio export")
    browser.open_file(example.folder / "example.json")
    wait_for_text(browser, "error", "example.json is neither a model (.onnx) nor a recording")
    assert text(browser, "model") == before

    browser.open_file(example.folder / "s4d.onnx")
    wait_for_text(browser, "model", "s4d.onnx: 3 classes")
    assert text(browser, "error") == ""


def test_a_dropped_file(browser: Browser) -> None:
    browser.evaluate(
        "const files = new DataTransfer();"
        "files.items.add(new File(['no model'], 'dropped.onnx'));"
        "document.body.dispatchEvent("
        "  new DragEvent('drop', {dataTransfer: files, bubbles: true, cancelable: true}))"
    )
    wait_for_text(browser, "error", "dropped.onnx is damaged or not an ONNX file")


def test_an_option_outside_its_range(browser: Browser, example: Example) -> None:
    set_options(browser, {"threshold": 1.5})
    browser.open_file(example.folder / "words.wav")
    wait_for_text(browser, "error", "an option is outside its range")


def test_the_page_before_anything_is_installed(
    browser: Browser, bare_address: str, example: Example
) -> None:
    browser.call("Page.navigate", {"url": bare_address})
    browser.wait_for("document.readyState === 'complete'")
    assert text(browser, "model") == "No model yet"
    browser.open_file(example.folder / "words.wav")
    wait_for_text(browser, "error", "open a model (.onnx) before words.wav")
    browser.open_file(example.folder / "s4d.onnx")
    wait_for_text(browser, "error", "onnxruntime-web is missing: run npm install")


def test_a_worker_that_does_not_load(
    browser: Browser, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignored = shutil.ignore_patterns("worker.js", "node_modules")
    page = shutil.copytree(server.PAGE, tmp_path / "page", ignore=ignored)
    monkeypatch.setattr(server, "PAGE", page)
    browser.call("Page.navigate", {"url": address})
    browser.wait_for("document.readyState === 'complete'")
    wait_for_text(browser, "error", "the page's worker does not load in this browser")
