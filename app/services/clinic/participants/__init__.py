"""What staff read and change of one participant beside the schedule: scores, diary, history, contact."""
