"""What the change feed says of each record."""
