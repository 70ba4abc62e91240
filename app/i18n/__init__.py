"""Interface words in the reader's language, and how dates and numbers are written there."""
