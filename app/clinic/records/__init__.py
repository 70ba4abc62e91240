"""What site staff do on a participant's page: visits, taking back, phones, the address."""
