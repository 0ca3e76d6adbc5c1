"""`python -m mdlcode`."""

from mdlcode.cli import main

if __name__ == "__main__":
    main()
