"""Export of streaming models to ONNX, checked and optionally quantised."""

from s4audio.export.onnx_file import ExportReport, ParityError, export_onnx

__all__ = ["ExportReport", "ParityError", "export_onnx"]
