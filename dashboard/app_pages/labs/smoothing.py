"""The lab on Smoothing."""

from dashboard.parts import chapters

chapters.show_lab("smoothing")
