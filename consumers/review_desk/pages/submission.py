"""What the browser knows of a submission: that it is on its way, at once, and that it was lost with the connection.

A command goes over a socket that may stall or break. The browser marks the button the moment the key or the button is
pressed; the desk takes the mark away when it has answered. While the mark stands the browser asks every few seconds,
and after a reload, whether anything is being decided; where nothing is and nothing was, the press was lost.
"""

from collections.abc import Callable
from typing import Final

from nicegui import ui

_ASKED: Final = "submission_asked"
_LISTEN: Final = """
window.deskSubmission = (() => {
  const kept = 'desk-submission', here = location.pathname;
  let asking = null;
  const end = () => { document.body.classList.remove('submitting'); sessionStorage.removeItem(kept);
                      clearInterval(asking); asking = null; };
  const ask = () => { if (window.socket && window.socket.connected && window.did_handshake) emitEvent('ASKED'); };
  const watch = () => { if (asking === null) asking = setInterval(ask, 3000); };
  const begin = () => { document.body.classList.add('submitting'); sessionStorage.setItem(kept, here); watch(); };
  document.addEventListener('desk-key', event => { if (event.detail === 'Ctrl+Enter') begin(); });
  document.addEventListener('click', event => { if (event.target.closest('[data-testid=submit]')) begin(); }, true);
  if (sessionStorage.getItem(kept) === here) watch(); else sessionStorage.removeItem(kept);
  return {end};
})();
"""


def watch(lost: Callable[[], None]) -> None:
    """Put it into the page, once. `lost` is called when the browser asks after a submission: maybe none is known of."""
    ui.add_body_html(f"<script>{_LISTEN.replace('ASKED', _ASKED)}</script>")
    ui.on(_ASKED, lost)


def answered() -> None:
    """The desk has answered: take the mark away."""
    ui.run_javascript("window.deskSubmission?.end()")
