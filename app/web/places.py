"""Addresses and names that more than one face must agree on."""

PATIENT_HOME = "/home"
CODE = "/code"
DESK = "/desk"
SETTINGS = "/settings"
SETTINGS_SAVED = "/settings/saved"

DEVICE_COOKIE = "device"
SESSION_COOKIE = "staff"
