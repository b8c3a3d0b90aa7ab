"""CAN: corrects uncertain predictions with the class prior."""
