"""Subjects that need nothing but Python."""


def adds():
    """A call that behaves."""
    return lambda: 1 + 1
