"""Options of a run for the TX2 that trains nothing: what is drawn is what is looked at."""

from tests import few_digits

QUICK = {
    "task": few_digits.NAME,
    "ancestor_epochs": 0,
    "epochs": 0,
    "final_epochs": 0,
    "min_accuracy": 0.0,
    "offspring": 1,
    "strength": "magnitude",
    "board": "tx2",
    "reestimate": False,
}
