"""Which models: how each is built, which file it is in, and what it was made by."""

from __future__ import annotations

from typing import Annotated

from pydantic import JsonValue
from pydantic import StringConstraints as Pattern

from tinytorch.capstone.record.fields import Absent, Count, Digest, Part, Rule, Text
from tinytorch.capstone.record.metrics import Metrics, Samples

__all__ = ["AppliedTechnique", "Artifact", "Model"]

# no step of it begins with a dot, so that it leads nowhere but down
STEP = r"[^./\\:\x00-\x1f][^/\\:\x00-\x1f]*"
FilePath = Annotated[
    str,
    Pattern(pattern=f"^{STEP}(/{STEP})*$"),
    Rule("a path beside or below the submission, with slashes, no step of which begins with a dot"),
]
Factory = Annotated[
    str,
    Pattern(pattern="^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$"),
    Rule("a factory, such as package.module:make"),
]
Anything = dict[str, JsonValue]


class Artifact(Part):
    """The file that a model is in."""

    path: FilePath
    """Where it lies, beside the submission or below."""
    media_type: Text
    """What kind of file it is, such as application/vnd.safetensors; no pickle is ever read."""
    size_bytes: Count
    """How long it is."""
    sha256: Digest
    """The hash of its content."""


class AppliedTechnique(Part):
    """A technique that a model was made by."""

    name: Text
    """With its version, such as `prune.magnitude.v1`."""
    claim: Text | None = None
    """What is then true of the model, in one sentence; null where nobody said."""
    options: Absent[Annotated[Anything, Rule("an object")]] = None
    """What the technique was told."""


class Model(Part):
    """One model with what was measured of it."""

    model_name: Text
    """What readers call it."""
    architecture: Annotated[Anything, Rule("an object")] | None = None
    """The built-in layers that it is made of, from which it can be built again; null where it has others."""
    factory: Factory | None = None
    """Code that makes it where there is no architecture; it is not run unless a reader asks for it."""
    parameter_sha256: Digest | None = None
    """The hash of its parameters and buffers: names, kinds, shapes and values."""
    artifact: Artifact | None = None
    """The file it is in; null where it was not kept."""
    techniques: Absent[Annotated[list[AppliedTechnique], Rule("a list of techniques")]] = None
    """What it was made by, in order; nothing for the baseline."""
    metrics: Metrics
    """What it was measured to be worth."""
    samples: Absent[Samples] = None
    """The raw numbers that its metrics follow from."""
