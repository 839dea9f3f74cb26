"""Image classification and its data sets."""

from edgesynth.tasks.classification.presentation import ClassesPresentation

__all__ = ["ClassesPresentation"]
