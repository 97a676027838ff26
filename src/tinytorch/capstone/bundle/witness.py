"""What is found of a model, in a process of its own: a stranger's file may ask for more memory or time than there is.

The process is given a request as a file, and writes what it found beside it: facts as JSON, scores as safetensors.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.adapters.architectures import described
from tinytorch.benchmarking.memory import count_elements, stored_bytes
from tinytorch.capstone.bundle.rebuilding import as_tensor, read_rows, rebuilt, running, write_rows
from tinytorch.core.autograd import no_grad
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, DTypeError, ShapeError, explain
from tinytorch.files import write_atomically

__all__ = ["Request", "Testimony", "heard", "testimony"]

SCORES = "scores.safetensors"
TOGETHER = 256
MOST_BYTES = 8 * 2**30  # of addresses, which compiled kernels and matrix libraries reserve freely
MOST_SECONDS = 900.0
LONGEST_TOLD = 2000


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be found out.

    Attributes:
        path: Of the model's file.
        inputs: Of the samples, as `write_rows` wrote them; none where there are none, and only facts are wanted.
        techniques: Name and options of each technique that the model claims to be made by.
        original: The file of the model that the techniques were applied to; none where there is none.
        factory: What makes the model, where it is not of built-in layers and its code is trusted.
        folders: Where the factory's module is looked for too.
    """

    path: str
    inputs: str | None = None
    techniques: Sequence[tuple[str, Mapping[str, Any]]] = ()
    original: str | None = None
    factory: str | None = None
    folders: Sequence[str] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Testimony:
    """What was found.

    Attributes:
        facts: `architecture`, `parameter_sha256`, `parameter_count`, `stored_bytes`, as the submission has them.
        broken: What contradicts the claims of the techniques, each a sentence.
        unchecked: The techniques whose claims nobody can check here, each a sentence.
        scores: (N, C); none without samples.
    """

    __test__ = False

    facts: dict[str, Any]
    broken: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    scores: NDArray[Any] | None = field(default=None)


def testimony(request: Request) -> Testimony:
    """Find out, in this process.

    Raises:
        TinyTorchError: If the file is no model, or the model does not take the samples.
    """
    from tinytorch.capstone.record import parameter_sha256

    model = rebuilt(request.path, request.factory)
    rows = None if request.inputs is None else read_rows(request.inputs)
    facts = {
        "architecture": None if request.factory else described(model),
        "parameter_sha256": parameter_sha256(model),
        "parameter_count": count_elements(model),
        "stored_bytes": stored_bytes(model),
    }
    live = model if rows is None else running(model, rows[:1], [name for name, _ in request.techniques])
    original = None if request.original is None else rebuilt(request.original)
    told = [list(_claims(name, said, (model, live, original))) for name, said in request.techniques]
    broken = tuple(text for claims in told for is_broken, text in claims if is_broken)
    unchecked = tuple(text for claims in told for is_broken, text in claims if not is_broken)
    return Testimony(facts, broken, unchecked, None if rows is None else _scores(live, rows))


def heard(request: Request, seconds: float = MOST_SECONDS) -> Testimony:
    """Find out, in a process of its own, whose memory and time are bounded.

    Raises:
        DataError: If it fails there, or takes longer than so many seconds.
    """
    with tempfile.TemporaryDirectory(prefix="tinytorch-") as folder:
        place = Path(folder)
        write_atomically(place / "request.json", json.dumps(asdict(request)).encode())
        command = [sys.executable, "-P", "-W", "ignore", "-m", __name__, folder]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=seconds)  # noqa: S603  our own
        except subprocess.TimeoutExpired as error:
            raise DataError(explain("a model", f"examined in {seconds:g} s", "a longer time")) from error
        return _read(place, done)


def _read(folder: Path, done: subprocess.CompletedProcess[bytes]) -> Testimony:
    facts = folder / "facts.json"
    if not facts.is_file():
        got = done.stderr.decode(errors="replace").strip()[-LONGEST_TOLD:] or f"exit code {done.returncode}"
        raise DataError(explain("a model", "one that can be examined", got.splitlines()[-1]))
    found = json.loads(facts.read_bytes())
    if problem := found.get("problem"):
        raise DataError(problem)
    scores = folder / SCORES
    rows = read_rows(scores) if scores.is_file() else None
    return Testimony(found["facts"], tuple(found["broken"]), tuple(found["unchecked"]), rows)


def _claims(name: str, said: Mapping[str, Any], models: tuple[Any, Any, Any]) -> Iterator[tuple[bool, str]]:
    """Test the claim of one technique: each text with whether it contradicts the claim, or says why nobody can tell."""
    from tinytorch.perf import TECHNIQUES, CompiledModel

    stored, live, original = models
    if name not in TECHNIQUES:
        yield False, f"{name} makes no claim that can be checked on the model"
        return
    is_compiling = name == "compile.v1"
    if is_compiling and not isinstance(live, CompiledModel):
        yield False, f"{name} can be checked with samples only"
        return
    subject, before = (live, stored) if is_compiling else (stored, original)
    try:
        yield from ((True, f"{name}: {problem}") for problem in TECHNIQUES[name].check(subject, before, **said))
    except TypeError as error:  # an option that the claim is not about
        yield True, f"{name}: its options must be those of the technique; got {error}"


def _scores(model: Any, rows: NDArray[Any]) -> NDArray[Any]:
    forward = getattr(model, "forward", model)
    with no_grad():
        parts = [forward(as_tensor(rows[start : start + TOGETHER])) for start in range(0, len(rows), TOGETHER)]
    scores = np.concatenate([np.asarray(part.data if isinstance(part, Tensor) else part) for part in parts])
    if scores.ndim != 2 or len(scores) != len(rows) or scores.shape[1] < 2:
        raise ShapeError(explain("the model's output", f"of shape ({len(rows)}, C)", f"the shape {scores.shape}"))
    if scores.dtype.kind != "f" or not np.isfinite(scores).all():
        raise DTypeError(explain("the model's output", "finite floats", "NaN, infinity or another kind"))
    return scores


def _limit_memory() -> None:
    """Bound what this process may ask for; where the system has no such bound, there is none."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = MOST_BYTES if hard == resource.RLIM_INFINITY else min(MOST_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def main(folder: str) -> None:
    """Answer the request in a folder."""
    _limit_memory()
    place = Path(folder)
    said = json.loads((place / "request.json").read_bytes())
    request = Request(**said | {"techniques": [(name, options) for name, options in said["techniques"]]})
    sys.path += [one for one in request.folders if one not in sys.path]
    try:
        found = testimony(request)
    except Exception as error:  # noqa: BLE001  whatever a stranger's model breaks is an answer, told by the parent
        problem = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_TOLD]
        write_atomically(place / "facts.json", json.dumps({"problem": problem}).encode())
        return
    if found.scores is not None:
        write_rows(place / SCORES, found.scores)
    told = {"facts": found.facts, "broken": found.broken, "unchecked": found.unchecked}
    write_atomically(place / "facts.json", json.dumps(told).encode())


if __name__ == "__main__":
    main(sys.argv[1])
