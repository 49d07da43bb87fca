"""Seeing a case and ending it: conclusions, authority, approval, panels, surveys."""
