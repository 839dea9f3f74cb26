"""The README inside a bundle."""
