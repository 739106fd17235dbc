"""What the dashboard draws: pure functions from data to figures."""
