"""What the lifecycle costs, beside others that do the same work. See README.md."""
