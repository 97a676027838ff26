"""Where a record was made: the machine, what ran on it, and the state of the checkout."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic import StringConstraints as Pattern

from tinytorch.capstone.record.fields import Absent, Digest, Part, Rule, Text

__all__ = ["Environment", "Git", "Resource", "SystemInfo"]

Commit = Annotated[
    str,
    Pattern(pattern="^([0-9a-f]{40}|[0-9a-f]{64})$"),
    Rule("the 40 or 64 hexadecimal digits of a commit, in lower case", "`git rev-parse HEAD` prints it."),
]


class Resource(Part):
    """The machine by the names of OpenTelemetry's semantic conventions; any other of them may be added."""

    host_arch: Absent[Text] = Field(default=None, alias="host.arch")
    """The processor's instruction set, such as amd64 or arm64."""
    host_cpu_model_name: Absent[Text] = Field(default=None, alias="host.cpu.model.name")
    """The processor's name."""
    os_type: Absent[Text] = Field(default=None, alias="os.type")
    """The kind of operating system, such as linux."""
    os_description: Absent[Text] = Field(default=None, alias="os.description")
    """The operating system with its release."""
    process_runtime_name: Absent[Text] = Field(default=None, alias="process.runtime.name")
    """The interpreter, such as cpython."""
    process_runtime_version: Absent[Text] = Field(default=None, alias="process.runtime.version")
    """The interpreter's version."""


class SystemInfo(Part):
    """The environment's record under its classic names: everything that `collect_environment` could read."""

    platform: Text
    """System, release and architecture."""
    python_version: Text
    """The interpreter's version."""
    numpy_version: Absent[Text] = None
    """NumPy's version."""


class Git(Part):
    """The checkout that the measured code came from."""

    commit: Commit
    """The commit that was checked out."""
    is_dirty: Annotated[bool, Rule("true or false")]
    """Whether anything differed from the commit."""
    dirty_sha256: Digest | None = None
    """The hash of what differed; null where nothing did."""


class Environment(Part):
    """The machine and the software."""

    resource: Absent[Resource] = None
    """The machine by OpenTelemetry's names."""
    system_info: SystemInfo
    """The machine, its limits, its load, its libraries and their versions."""
    git: Git | None = None
    """The state of the checkout; null where there was none."""
