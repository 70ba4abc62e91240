"""A study's plan: schedule, windows, derived status and reminders."""
