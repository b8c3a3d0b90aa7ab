"""The lab on Whitening."""

from dashboard.parts.labs import chapters

chapters.show_lab("whitening")
