"""The participant face: routes and page dataclasses."""
