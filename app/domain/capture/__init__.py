"""Capturing answers: what a device submits, the complete document, how late it may arrive, the outbox."""
