"""The page of a metric along the code's history."""
