"""The page of experiments and their leaderboards."""
