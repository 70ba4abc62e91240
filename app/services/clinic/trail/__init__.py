"""The audit trail of a study as its readers see it: filtered, in pages, as files, and each look recorded."""
