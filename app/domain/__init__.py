"""The pure core: what a trial's rules say, with no I/O, clock or chance."""
