"""A web page that runs one exported model on the microphone or a recording, and its server."""

from s4audio.demo.server import DemoServer

__all__ = ["DemoServer"]
