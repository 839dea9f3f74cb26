"""What a task is, and what it gives to the rest of the package: losses, metrics, presentations."""

from edgesynth.tasks.task.task import Split, Task, Teaching

__all__ = ["Split", "Task", "Teaching"]
