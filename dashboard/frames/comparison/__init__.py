"""What two or more settings are compared by."""
