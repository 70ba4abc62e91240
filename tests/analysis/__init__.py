"""The starters of `docs/analysis`, run on a made-up trial and compared with the program's own figures."""
