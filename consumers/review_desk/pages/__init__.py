"""The screens. One module a page, `frame.py` around them all."""
