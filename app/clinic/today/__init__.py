"""Today: the work list, the log of contacts, rows that rest, reminders for several, the sheet to call by."""
