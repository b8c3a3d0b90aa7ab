"""The lab on Smoothing."""

from dashboard.parts.labs import chapters

chapters.show_lab("smoothing")
