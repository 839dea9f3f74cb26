"""The plots of the report, each as SVG text."""
