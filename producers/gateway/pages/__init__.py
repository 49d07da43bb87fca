"""The pages for people: asking for a value on a phone, and checking a report. Neither loads anything from outside.

`site` serves the page of `/` with its files, `verification` writes the page behind a report's QR code.
"""

from producers.gateway.pages.site import PAGE_HEADERS, ask_page, page_routes
from producers.gateway.pages.verification import Standing, standing_of, verification_page

__all__ = ["PAGE_HEADERS", "Standing", "ask_page", "page_routes", "standing_of", "verification_page"]
