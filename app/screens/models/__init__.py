"""The page of registered models: what is in which stage, who said so, and the forms that change it."""
