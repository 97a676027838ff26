"""ONNX: models for other runtimes. Needs `tinytorch[onnx]`."""

from tinytorch.errors import StateError, explain

try:
    import onnx as _onnx
except ModuleNotFoundError as error:
    raise StateError(explain("onnx", "installed", "nothing", remedy="Install tinytorch[onnx].")) from error
del _onnx

from tinytorch.perf.onnx.exporting import OPSET, as_onnx, export_onnx  # noqa: E402  the reason comes first
from tinytorch.perf.onnx.mappings import EXPORTS  # noqa: E402

__all__ = ["EXPORTS", "OPSET", "as_onnx", "export_onnx"]
