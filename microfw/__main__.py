"""`python -m microfw` is the command `microfw`."""

from microfw.cli import main

main(prog_name="microfw")
