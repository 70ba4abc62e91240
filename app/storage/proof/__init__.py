"""What proves the stored rows: the facts that entries state, the rows, and the database's guards."""
