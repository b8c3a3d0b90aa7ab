"""Smooth approximations by Dirac kernels."""
