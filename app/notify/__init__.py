"""Channels: the ways in which a letter leaves the installation."""
