"""Forms that participants fill in on paper, as staff enter them."""
