"""What runs are, and how files fold into their current state: pure, no input or output."""
