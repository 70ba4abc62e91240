"""Work that falls due by time alone, and delivering reminders."""
