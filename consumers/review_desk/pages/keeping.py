"""Keeping what is typed: the draft goes to the desk shortly after each change, and with every sign of life."""

from asyncio import to_thread
from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg
from nicegui import ui

from consumers.review_desk.office import Office
from consumers.review_desk.pages.written import clock_time
from consumers.review_desk.people.staff import Person
from consumers.review_desk.task import IncompleteCommandError, NotAllowedError, Task, TaskUnavailableError

_SETTLED_S: Final = 1.5  # after the last key, not at each


class Keeper:
    """Signs of life of the task in work, with its draft. `on_lost` is told once, in Chinese, when it is lost."""

    def __init__(
        self,
        office: Office,
        person: Person,
        task: Task,
        *,
        draft: Callable[[], Mapping[str, Any]],
        on_lost: Callable[[str], None],
    ) -> None:
        """Start, inside the element where it is to say when it last saved."""
        self._office, self._person, self._draft, self._on_lost = office, person, draft, on_lost
        self.task = task
        self._revision = task.revision
        self._dirty = self._lost = False
        self._said = ui.label("草稿自动保存").classes("saved num").props("data-testid=saved role=status")
        ui.timer(_SETTLED_S, self._save_changes, immediate=False)
        ui.timer(office.policy.heartbeat.total_seconds(), self.save, immediate=False)
        ui.context.client.on_disconnect(self._save_changes)

    @property
    def is_lost(self) -> bool:
        """Whether the task is no longer this person's."""
        return self._lost

    def touch(self) -> None:
        """Something was changed."""
        self._dirty = True

    async def save(self) -> bool:
        """Save now; returns whether it is saved."""
        if self._lost:
            return False
        self._dirty = False
        try:
            task = await to_thread(self._office.desk.heartbeat, self._person, self.task.task_id, self._draft())
        except IncompleteCommandError as error:  # the draft itself cannot be kept; the task stays in hand
            self._said.text = f"⚠ 未保存：{error.why}"
            return False
        except (TaskUnavailableError, NotAllowedError) as error:
            self.lose(error.why)
            return False
        except psycopg.OperationalError:
            self._dirty = True
            self._said.text = "⚠ 暂时无法保存，内容留在本页，稍后自动重试"
            return False
        if task is not None:
            self.task = task
        if self.task.revision != self._revision:
            self.lose("案件内容已更新（渠道有新的答复或资料），请重新打开本案")
            return False
        self._said.text = f"✓ 草稿已保存 {clock_time(self._office.clock())}"
        return True

    def lose(self, why: str) -> None:
        """The task is no longer ours; said once."""
        if not self._lost:
            self._lost = True
            self._said.text = "未再保存；以上内容仍可阅读和复制"
            self._on_lost(why)

    def stop(self) -> None:
        """The task has ended in our hands: nothing more is kept."""
        self._lost, self._dirty = True, False

    async def _save_changes(self) -> None:
        if self._dirty:
            await self.save()
