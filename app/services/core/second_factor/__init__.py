"""What staff show beside their password: codes of an app, recovery codes, passkeys."""
