"""The page of one run, a part of it in each module."""
