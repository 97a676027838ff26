"""Small real data that travels with the package: no download, and a hash check on every load."""

from tinytorch.datasets.digits import Digits, load_digits

__all__ = ["Digits", "load_digits"]
