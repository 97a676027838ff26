"""ONNX: models for other runtimes, and of others for this one. Needs `tinytorch[onnx]`."""

from tinytorch.errors import StateError, explain

try:
    import onnx as _onnx
except ModuleNotFoundError as error:
    raise StateError(explain("onnx", "installed", "nothing", remedy="Install tinytorch[onnx].")) from error
del _onnx

from tinytorch.perf.onnx.exporting import OPSET, as_onnx, export_onnx  # noqa: E402  the reason comes first
from tinytorch.perf.onnx.importing import OnnxModel, import_onnx  # noqa: E402
from tinytorch.perf.onnx.mappings import EXPORTS  # noqa: E402
from tinytorch.perf.onnx.operators import IMPORTS  # noqa: E402

__all__ = ["EXPORTS", "IMPORTS", "OPSET", "OnnxModel", "as_onnx", "export_onnx", "import_onnx"]
