"""A survey of a folder of data: what it is, what is broken, and whether it can be trained on."""

from edgesynth.tasks.survey.survey import Survey, survey

__all__ = ["Survey", "survey"]
