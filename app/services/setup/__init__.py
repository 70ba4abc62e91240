"""Setting up: studies, sites, staff, EDC clients and instrument packs; readiness to serve."""
