"""Looking at the estate from outside, all the time."""
