"""Drawings as lists of marks, written as an SVG that follows the page's colours, or as a PNG that looks the same."""

from tinytorch.capstone.reporting.drawing.scales import Scale
from tinytorch.capstone.reporting.drawing.scene import Area, Box, Dot, Figure, Label, Line, Scene
from tinytorch.capstone.reporting.drawing.svg import inline_svg, lone_svg

__all__ = ["Area", "Box", "Dot", "Figure", "Label", "Line", "Scale", "Scene", "inline_svg", "lone_svg"]
