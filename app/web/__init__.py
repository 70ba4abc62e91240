"""HTTP plumbing that the faces share: pages, errors, cookies, headers, permissions."""
