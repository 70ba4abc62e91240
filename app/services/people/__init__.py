"""People of the staff and the sites they work at: inviting, granting, one's own account, reviews, sites."""
