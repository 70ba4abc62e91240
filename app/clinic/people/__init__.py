"""The administrator's pages: people, access and sites; and everybody's own account."""
