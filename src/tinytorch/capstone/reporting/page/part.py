"""What a section writes from."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinytorch.capstone.reporting.drawing.scene import Figure
from tinytorch.capstone.reporting.layers import Attribution
from tinytorch.capstone.reporting.reading import Reading

__all__ = ["Part"]


@dataclass(frozen=True, slots=True)
class Part:
    """A submission with what was drawn of it.

    Attributes:
        reading: The submission.
        figures: What was drawn, by name.
        sha256: The hash of the submission's canonical form.
        attributions: For each model, where what is known of its layers comes from.
    """

    reading: Reading
    figures: dict[str, Figure]
    sha256: str
    attributions: tuple[Attribution, ...] = field(default=())

    def sources(self) -> list[tuple[str, str]]:
        """Name each model whose layers are known, and where from."""
        pairs = zip(self.reading.models, self.attributions, strict=False)
        return [(model.name, found.source) for model, found in pairs if found.layers]
