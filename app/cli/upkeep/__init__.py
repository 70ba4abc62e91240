"""Commands by which an operator keeps an installation well."""
