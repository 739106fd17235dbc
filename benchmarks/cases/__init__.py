"""One benchmark a file: each has ``measure(bench)``, which returns rows of the table."""
