"""`python -m infra.cli` is `avm`, for processes started where no script is on the path."""

from infra.cli import main

if __name__ == "__main__":
    main()
