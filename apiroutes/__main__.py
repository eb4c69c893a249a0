"""`python -m apiroutes` is the command line."""

from apiroutes.cli import main

if __name__ == "__main__":
    main(prog_name="apiroutes")
