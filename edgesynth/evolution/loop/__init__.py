"""The generation loop: breed, keep, select, measure, and breed again what was bred."""
