"""Work that is due by time alone: feed events, reminders, alerts, and delivering messages."""
