"""What is looked at before anything is trained: options, budgets, disk, and the run that is resumed."""
