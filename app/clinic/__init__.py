"""The desk of site staff: who needs a call, and everything of one participant."""
