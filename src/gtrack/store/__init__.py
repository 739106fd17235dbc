"""Where the content of artifacts is: the local cache, what waits to be sent, and stores on any fsspec URL."""
