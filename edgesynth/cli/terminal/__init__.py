"""What a person sees: lines, tables, JSON, logs, progress, and Ctrl-C."""
