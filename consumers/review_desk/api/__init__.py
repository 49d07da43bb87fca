"""The JSON interface, a router for each subject."""
