"""Results found elsewhere: by PyTorch, or read from the file in which they were kept."""

from __future__ import annotations

import io
import json
import math
import zipfile
from pathlib import Path

import numpy as np

from contracts.rows import Row, weights

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "ops.npz"
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same results give the same bytes


def torch_results(torch, row: Row, dtype="float64"):
    """Give PyTorch's value and its gradient per float input, as arrays."""
    tensors = [torch.tensor(array, requires_grad=array.dtype.kind == "f") for array in row.arrays(dtype)]
    out = row.torch(torch, *tensors)
    out.backward(torch.tensor(weights(tuple(out.shape))).to(out.dtype))
    grads = [torch.zeros_like(t) if t.grad is None else t.grad for t in tensors if t.requires_grad]
    return out.detach().numpy(), [grad.numpy() for grad in grads]


def write(path: Path, results: dict[str, list[np.ndarray]]) -> None:
    """Keep a value and its gradients per row: shapes by name in one text, all numbers in one array."""
    index = {name: [list(array.shape) for array in arrays] for name, arrays in results.items()}
    numbers = np.concatenate([np.ravel(array) for arrays in results.values() for array in arrays])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in {"index": np.array(json.dumps(index)), "numbers": numbers.astype("<f8")}.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", LONG_AGO), content.getvalue(), zipfile.ZIP_DEFLATED)


def read(path: Path) -> dict[str, list[np.ndarray]]:
    with np.load(path, allow_pickle=False) as file:
        index, numbers = json.loads(str(file["index"])), file["numbers"]
    results, start = {}, 0
    for name, shapes in index.items():
        results[name] = []
        for shape in shapes:
            end = start + math.prod(shape)
            results[name].append(numbers[start:end].reshape(shape))
            start = end
    return results
