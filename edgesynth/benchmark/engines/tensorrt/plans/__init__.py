"""Plans: built from a file, calibrated, and kept between runs."""
