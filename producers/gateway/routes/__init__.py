"""The gateway's paths, a module for each subject. `/v1` takes credentials, `/h5` serves the page.

Every module builds a router from what it is given; `admit(scope)` is the dependency that says who is calling.
"""
