"""`python -m bellwether` does what `bellwether` does."""

from bellwether.cli.app import main

if __name__ == "__main__":
    main()
