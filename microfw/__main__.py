"""`python -m microfw` is the command `microfw`."""

from microfw.cli import main

if __name__ == "__main__":
    main(prog_name="microfw")
