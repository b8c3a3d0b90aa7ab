"""Task files: read, begun from a data file, listed."""
