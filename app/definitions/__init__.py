"""Definitions on disk: the library of instruments, wording and plans, its lock by digest, publishing."""
