"""The lab on Dimension."""

from dashboard.parts import chapters

chapters.show_lab("dimension")
