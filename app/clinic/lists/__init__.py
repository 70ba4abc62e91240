"""Lists of the desk, and how they open as somebody filtered them last."""
