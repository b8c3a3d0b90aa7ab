"""The lab on Whitening."""

from dashboard.parts import chapters

chapters.show_lab("whitening")
