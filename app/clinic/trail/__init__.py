"""The audit trail of a study: its page, its files, and the words for what stands in it."""
