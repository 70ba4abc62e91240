"""The running installation, its secrets, identifiers, throttles and imported packs."""
