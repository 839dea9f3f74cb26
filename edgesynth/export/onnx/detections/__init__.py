"""Files of detectors that decode and suppress their boxes themselves."""
