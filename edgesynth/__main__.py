"""`python -m edgesynth`: the command, where its script is not on the PATH."""

from edgesynth.cli import main

if __name__ == "__main__":
    main()
