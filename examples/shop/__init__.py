"""A shop, as a small team would write it. `scripts/serve` runs it; start reading in main.py."""
