"""Pages: rendering, the frame around every page, pages that belong to no face."""
