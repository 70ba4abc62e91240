"""What is recorded: audit entries, feed events, permissions and the codes of dated facts."""
