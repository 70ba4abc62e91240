"""One expected form at the desk: its answers, what became of it, and corrections of it."""
