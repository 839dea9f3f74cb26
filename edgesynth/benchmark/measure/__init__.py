"""The measurement: which model serves which precision, loaded, timed and put into figures."""
