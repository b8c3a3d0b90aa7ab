"""Classification with alternating normalization (CAN): correct uncertain predictions with the class prior."""
