"""The EDC's face: JSON over `/api/edc/v1`, as docs/manual/edc.md specifies it."""
