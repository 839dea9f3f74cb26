"""The plan of a model on a board: builds, memory, and how they are shown."""
