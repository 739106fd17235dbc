"""What surrounds a run: environment, hardware, launcher, command, seeds, and why it failed."""
