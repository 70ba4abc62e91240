"""The demonstration: a study in full swing, made through the real use cases."""
