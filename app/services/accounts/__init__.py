"""Who is behind a request: sessions of participants and staff, activation, devices, EDC clients."""
