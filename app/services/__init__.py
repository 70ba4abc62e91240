"""Use cases: load rows, decide by the domain, store the result, and record the audit event."""
