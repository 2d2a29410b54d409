"""``make bench``: the work is in `run.py`, for another process cannot import a `__main__`."""

from tests.bench.run import main

if __name__ == "__main__":
    main()
