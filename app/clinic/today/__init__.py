"""Today: the work list, the contact log, snoozed rows, bulk reminders, the sheet to call by."""
