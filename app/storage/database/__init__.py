"""What surrounds a connection: its limits, the file or server behind it, and what its errors mean."""
