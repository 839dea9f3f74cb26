"""The ancestor as teacher."""
