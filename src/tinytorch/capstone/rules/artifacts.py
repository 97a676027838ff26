"""What a submission says of the files beside it: the bytes, the model in them, and the techniques' claims about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinytorch.capstone.documents import Problem, Steps, Told, plain
from tinytorch.capstone.rules.parts import inside, models
from tinytorch.capstone.structure import schema_version
from tinytorch.errors import DataError, TinyTorchError

__all__ = ["ARTIFACT_RULES", "Shipped", "artifact_problems", "check_claims", "check_files", "check_identity"]

Object = dict[str, Any]

SAFETENSORS = "application/vnd.safetensors"
# For building a model of so many bytes: a forged description asks for more, and is refused in place of taking it.
ROOM, ROOM_PER_BYTE = 2**30, 16
# What these claim is how a model runs, which its file does not say.
OF_RUNNING = {"compile.v1", "compile.decode.v1"}
WRITE_AGAIN = "Write the submission and the file together."


@dataclass(frozen=True, slots=True)
class Shipped:
    """The files beside a submission that are there, and the models read from them.

    Attributes:
        files: By the part of the submission, `baseline` or `optimized`.
        loaded: By the part too.
    """

    files: Mapping[str, Path]
    loaded: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def beside(cls, submission: Object, folder: str | os.PathLike[str]) -> Shipped:
        """Find the files that a submission names, below a folder and nowhere else."""
        root = Path(folder).resolve()
        found = {part: (root / artifact["path"]).resolve() for part, artifact in _artifacts(submission)}
        return cls({part: path for part, path in found.items() if path.is_relative_to(root) and path.is_file()})


ArtifactRule = Callable[[Object, Shipped], Iterator[Problem]]


def artifact_problems(
    submission: Object, folder: str | os.PathLike[str], *, needed: bool = False
) -> tuple[list[Problem], list[str]]:
    """Check a submission without problems of its own against the files that it names.

    Args:
        submission: A valid document; one of version 1 names no files.
        folder: Where the files are to be looked for.
        needed: Whether a file that is not there is a problem; else it is left unchecked.

    Returns:
        The problems, and the paths of the files that were checked.
    """
    shipped, found = Shipped.beside(submission, folder), list[Problem]()
    if needed:
        found += [_missing(part, artifact) for part, artifact in _artifacts(submission) if part not in shipped.files]
    checked = [submission[part]["artifact"]["path"] for part in shipped.files]
    for rule in ARTIFACT_RULES:
        new = list(rule(submission, shipped))
        unsound = {problem.steps[0] for problem in new}  # of a file that is another one, nothing else is asked
        shipped = Shipped({part: path for part, path in shipped.files.items() if part not in unsound}, shipped.loaded)
        found += new
    return found, checked


def check_files(submission: Object, shipped: Shipped) -> Iterator[Problem]:
    """The files beside the submission have the length and the SHA-256 that it says."""
    from tinytorch.capstone.record.identity import file_sha256

    for part, path in shipped.files.items():
        artifact, steps = submission[part]["artifact"], (part, "artifact")
        size = path.stat().st_size
        if size != artifact["size_bytes"]:
            yield Problem(
                (*steps, "size_bytes"), f"{size}, the length of the file", artifact["size_bytes"], WRITE_AGAIN
            )
        elif (digest := file_sha256(path)) != artifact["sha256"]:
            yield Problem((*steps, "sha256"), f"{digest!r}, the hash of the file", artifact["sha256"], WRITE_AGAIN)


def check_identity(submission: Object, shipped: Shipped) -> Iterator[Problem]:
    """The model in the file has the architecture, the parameters, their hash and the stored bytes that are said."""
    for part, path in shipped.files.items():
        model, artifact = submission[part], submission[part]["artifact"]
        if artifact["media_type"] != SAFETENSORS:
            continue
        try:
            with _bounded_memory(ROOM + ROOM_PER_BYTE * artifact["size_bytes"]):
                shipped.loaded[part] = _load(path)
        except (DataError, MemoryError) as error:
            got = Told(str(error).rstrip(".") or "more than its size explains")
            yield Problem((part, "artifact", "path"), "a saved model", got, "Write it with save_model.")
            continue
        for steps, said, found in _said_and_found(part, model, shipped.loaded[part]):
            if said is not None and said != found:
                shown = Told("another one") if isinstance(said, dict) else said
                rule = "that of the model in the file" if isinstance(said, dict) else f"{found!r}, as the file has it"
                yield Problem(steps, rule, shown, WRITE_AGAIN)


def check_claims(submission: Object, shipped: Shipped) -> Iterator[Problem]:
    """What each listed technique claims is true of the model in the file, beside the baseline's where that is there."""
    from tinytorch.perf import TECHNIQUES

    for part in shipped.files:
        for index, applied in enumerate(submission[part].get("techniques") or []):
            technique = TECHNIQUES.get(applied["name"])
            if technique is None or technique.name in OF_RUNNING or part not in shipped.loaded:
                continue
            original = shipped.loaded.get("baseline") if part == "optimized" else None
            steps = (part, "techniques", index, "name")
            for contradiction in _contradictions(
                technique, shipped.loaded[part], original, applied.get("options") or {}
            ):
                got = Told(f"{technique.name}: {contradiction.rstrip('.')}")
                yield Problem(
                    steps, "a technique whose claim is true of the model in the file", got, "Say what was done."
                )


ARTIFACT_RULES: tuple[ArtifactRule, ...] = (check_files, check_identity, check_claims)


def _artifacts(submission: Object) -> Iterator[tuple[str, Object]]:
    if schema_version(submission) == 1:
        return
    for part, model in models(submission):
        artifact = inside(model, "artifact")
        if artifact:
            yield part, artifact


def _missing(part: str, artifact: Object) -> Problem:
    return Problem((part, "artifact", "path"), "a file in the folder of the artifacts", artifact["path"], "Add it.")


def _load(path: Path) -> Any:
    from tinytorch.benchmarking.adapters.tinytorch_files import load_model

    return load_model(path)


def _said_and_found(part: str, model: Object, loaded: Any) -> Iterator[tuple[Steps, Any, Any]]:
    from tinytorch.benchmarking.adapters.architectures import described
    from tinytorch.benchmarking.memory import count_elements, stored_bytes
    from tinytorch.capstone.record.identity import parameter_sha256

    yield (part, "architecture"), model.get("architecture"), plain(described(loaded))[0]
    yield (part, "parameter_sha256"), model.get("parameter_sha256"), parameter_sha256(loaded)
    metrics = model["metrics"]
    yield (part, "metrics", "parameter_count"), metrics["parameter_count"], count_elements(loaded)
    yield (part, "metrics", "stored_bytes"), metrics["stored_bytes"], stored_bytes(loaded)


def _contradictions(technique: Any, model: Any, original: Any, options: Object) -> list[str]:
    try:
        found: list[str] = technique.check(model, original, **options)
    except (TypeError, ValueError, RuntimeError, AttributeError, KeyError, IndexError, TinyTorchError) as error:
        return [f"options that it has no use for: {type(error).__name__}: {error}"]  # forged ones may break anything
    return found


@contextmanager
def _bounded_memory(more: int) -> Iterator[None]:
    """Let the process take so many bytes more and no others, where the system can be asked that."""
    try:
        import resource

        held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([held + more, *limits]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
