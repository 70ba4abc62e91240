"""The pages of a study plan: as a picture, between two versions, and tried out with dates."""
