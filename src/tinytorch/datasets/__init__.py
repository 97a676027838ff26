"""Real data: small sets that travel with the package, larger ones fetched in a package once; all with a hash check."""

from tinytorch.datasets.digits import Digits, load_digits
from tinytorch.datasets.images import ImageData, load_cifar10, load_fashion_mnist, load_images, load_mnist
from tinytorch.datasets.store import Store
from tinytorch.datasets.tragedies import Tragedies, load_tragedies

__all__ = [
    "Digits",
    "ImageData",
    "Store",
    "Tragedies",
    "load_cifar10",
    "load_digits",
    "load_fashion_mnist",
    "load_images",
    "load_mnist",
    "load_tragedies",
]
