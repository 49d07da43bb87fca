"""The keys of a page: pressed in the browser, done here.

A single key is a command only while nothing is being typed: not while a field has the focus, not while an input method
composes a word (its key presses arrive with `isComposing` or key code 229). Keys with Ctrl work inside fields as well,
but never while composing. While a dialogue or a list of choices is open, keys are that one's. Esc leaves a field, so
that single keys work again.
"""

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from nicegui import ui
from nicegui.events import GenericEventArguments

Does: TypeAlias = Callable[[], Awaitable[Any] | Any]

_EVENT: Final = "desk_key"
_HELP: Final = "?"
_NOTICES: Final = "document.querySelector('[data-testid=notices-fold]')?.click()"
# One listener per page, before any of the page's own (capture); `repeat` is a key held down: it only walks.
_LISTEN: Final = """
document.addEventListener('keydown', event => {
  if (event.isComposing || event.keyCode === 229 || event.altKey || event.metaKey) return;
  const at = document.activeElement;
  const field = 'input:not([type=checkbox]):not([type=radio]), textarea, select';
  const typing = at && (at.isContentEditable || at.matches(field));
  if (event.key === 'Escape' && typing) { at.blur(); return; }
  const name = (event.ctrlKey ? 'Ctrl+' : '') + (event.key.length === 1 ? event.key.toLowerCase() : event.key);
  if (!KNOWN.includes(name) || (event.repeat && !['j', 'k'].includes(name))) return;
  if (document.querySelector('.q-dialog__inner, .q-menu') || (typing && !event.ctrlKey)) return;
  if (name === 'Enter' && at && at.closest('button, a, [tabindex="0"]')) return;
  event.preventDefault();
  event.stopPropagation();
  document.dispatchEvent(new CustomEvent('desk-key', {detail: name}));
  emitEvent('EVENT', name);
}, true);
"""


class Keys:
    """The keys of one page, in the order in which `?` lists them."""

    def __init__(self) -> None:
        """Begin with none; `add` them while the page is built, then `listen`."""
        self._does: dict[str, Does] = {}
        self._means: dict[str, str] = {}
        self._running: set[str] = set()

    def add(self, key: str, means: str, does: Does) -> None:
        """Give a key (`a`, `Enter`, `Ctrl+s`, `1`) its command. `means` is what the overlay of `?` says of it."""
        self._does[key], self._means[key] = does, means

    def listen(self) -> None:
        """Start, once per page, after everything was added."""
        self.add("0", "通知：展开或收起", lambda: ui.run_javascript(_NOTICES))
        dialogue = self._help()
        self._does[_HELP] = dialogue.open
        script = _LISTEN.replace("KNOWN", json.dumps(list(self._does))).replace("EVENT", _EVENT)
        ui.add_body_html(f"<script>{script}</script>")
        ui.on(_EVENT, self._pressed)

    async def _pressed(self, event: GenericEventArguments) -> None:
        """One command at a time: a key pressed twice opens one dialogue, not two. Saving never swallows a submit."""
        key = event.args if isinstance(event.args, str) else ""
        does = self._does.get(key)
        if does is None or key in self._running or (self._running and not key.startswith("Ctrl+")):
            return
        self._running.add(key)
        try:
            answer = does()
            if inspect.isawaitable(answer):
                await answer
        finally:
            self._running.discard(key)

    def _help(self) -> ui.dialog:
        with ui.dialog() as dialogue, ui.card().style("min-width: 340px").props("data-testid=keys-help"):
            ui.label("本页按键").style("font-weight: 600")
            with ui.element("div").classes("help"):
                for key, means in (*self._means.items(), ("Esc", "离开输入框 / 关闭窗口"), (_HELP, "显示本页按键")):
                    ui.html(f"<kbd>{shown(key)}</kbd>", sanitize=False)
                    ui.label(means)
            ui.label("输入文字（含拼音输入法选字）时，单键不起作用。").classes("soft")
        return dialogue


def shown(key: str) -> str:
    """A key as it stands on a keyboard: `Ctrl+S`."""
    before, plus, last = key.rpartition("+")
    return f"{before}{plus}{last.upper() if len(last) == 1 else last}"
