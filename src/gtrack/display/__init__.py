"""What people read and write of runs: values in words, names, orders; the same for every face."""
