"""The work list: participants who need staff today, contact tries, and snoozed rows."""
