#!/bin/sh
# Installs what the tests need and pip cannot bring: Chromium for the browser tests, poppler-utils to read PDFs.
# Does nothing when both are there; says what is missing where it may not install. Never fails: the tests that need a
# missing program say so themselves.
set -u

missing() {
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || echo chromium
    command -v pdftotext >/dev/null 2>&1 && command -v pdftoppm >/dev/null 2>&1 || echo poppler-utils
}

wanted=$(missing | tr '\n' ' ')
[ -n "$wanted" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ]; then
    echo "prepare: installing $wanted" >&2
    log=$(mktemp)
    # shellcheck disable=SC2086 -- the list is two words at most
    if ! { DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted; } >"$log" 2>&1; then
        echo "prepare: apt-get failed, its last words:" >&2
        tail -n 5 "$log" >&2
    fi
    rm -f "$log"
fi

for package in $(missing); do
    echo "prepare: $package is missing; install it with: sudo apt-get install $package" >&2
done
exit 0
