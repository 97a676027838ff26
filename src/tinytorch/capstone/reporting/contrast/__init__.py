"""Two submissions beside each other: what differs, what does not, and what cannot be compared."""

from tinytorch.capstone.reporting.contrast.beside import Contrast, contrast
from tinytorch.capstone.reporting.contrast.findings import Finding
from tinytorch.capstone.reporting.contrast.machines import Machines, machines_of

__all__ = ["Contrast", "Finding", "Machines", "contrast", "machines_of"]
