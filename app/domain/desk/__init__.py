"""What staff at the desk are told of a participant: what happened, and what to do next."""
