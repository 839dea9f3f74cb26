"""One offspring: its genome, the weights it begins with, its proven cut, its nurture."""
