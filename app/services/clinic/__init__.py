"""What site staff read and decide."""
