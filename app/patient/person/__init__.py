"""The people of one phone: whose browser it is, their marks, and how they are reached."""
