"""The report as one page that needs nothing else: no script, no request, the reader's own colours."""

from tinytorch.capstone.reporting.page.page import page

__all__ = ["page"]
