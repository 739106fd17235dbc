"""Grids of what differs between runs: params, metrics, data, environment; for pages that set runs side by side."""
