"""Completeness and timeliness of forms as reports count them: pure rules over facts."""
