"""What the chapters of the labs are made of."""
