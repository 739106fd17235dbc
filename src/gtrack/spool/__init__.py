"""Live runs: the local files a training process writes, and what can be told from them."""
