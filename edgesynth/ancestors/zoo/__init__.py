"""The networks that come by name, one file each."""
