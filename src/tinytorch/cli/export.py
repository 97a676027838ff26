"""`tinytorch export`: a model as ONNX."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from tinytorch.cli import output

__all__ = ["execute"]


def execute(options: Namespace) -> int:
    """Load the subject, write the file, and say what is in it."""
    from tinytorch.benchmarking.loaded import load_model_and_inputs
    from tinytorch.perf.onnx import export_onnx

    model, inputs = load_model_and_inputs(options.subject)
    made = export_onnx(model, options.output, *inputs, free_batch=not options.fixed_batch)
    found = {
        "path": options.output,
        "bytes": Path(options.output).stat().st_size,
        "opset": made.opset_import[0].version,
        "operators": len(made.graph.node),
        "inputs": {entry.name: _shape(entry) for entry in made.graph.input},
        "outputs": {entry.name: _shape(entry) for entry in made.graph.output},
    }
    if options.json:
        output.print_json(found)
    else:
        output.console().print(_sentence(found), highlight=False, soft_wrap=True)
    return 0


def _shape(entry: object) -> list[int | str]:
    sizes = entry.type.tensor_type.shape.dim  # type: ignore[attr-defined]
    return [size.dim_param or size.dim_value for size in sizes]


def _sentence(found: dict[str, object]) -> str:
    takes, gives = (_listed(found[name]) for name in ("inputs", "outputs"))
    size = f"{found['bytes']:,} bytes, {found['operators']} operators of opset {found['opset']}"
    return f"Written: {found['path']} ({size}); takes {takes}, gives {gives}."


def _listed(values: object) -> str:
    return ", ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in values.items())  # type: ignore[attr-defined]
