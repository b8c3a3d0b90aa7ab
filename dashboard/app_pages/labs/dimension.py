"""The lab on Dimension."""

from dashboard.parts.labs import chapters

chapters.show_lab("dimension")
