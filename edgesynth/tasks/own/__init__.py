"""A user's own tasks: imported by name or handed over as objects, and checked on arrival."""
