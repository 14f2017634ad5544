"""What grows, one module for each; see `growth`."""
