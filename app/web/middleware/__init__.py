"""ASGI middleware: compression, security headers and checks, logs."""
