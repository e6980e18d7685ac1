"""`python -m gateway` is the command `hubbub`."""

from __future__ import annotations

from hubbub import main

if __name__ == "__main__":
    main()
