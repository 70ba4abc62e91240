"""What participants read and ask for."""
