"""What the labs read of stored runs."""
