"""Reading a JSON file that one of our commands wrote."""

import json
import os
from typing import Any

from edgesynth.errors import UserError


def read_json(path: str, missing: str, again: str) -> Any:
    """What a file holds.

    Args:
        path: of the file.
        missing: what to say if there is no such file, and what to give instead.
        again: what to do if it is damaged, such as "measure again".

    Raises:
        UserError: it is no file, or not JSON.
    """
    if not os.path.isfile(path):
        raise UserError(missing)
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except ValueError as error:
        raise UserError("{} is not JSON ({}); {}".format(path, error, again)) from None
