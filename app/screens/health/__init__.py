"""The page that says whether everything is shared, stored and whole."""
