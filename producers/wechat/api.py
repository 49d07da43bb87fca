"""WeChat's own interface: messages that the account sends by itself.

开发者文档: 客服消息, 模板消息, 获取稳定版接口调用凭据.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import httpx

_RENEW_BEFORE: Final = timedelta(minutes=5)
_STALE_TOKEN: Final = frozenset({40001, 40014, 42001})
_TOO_LATE: Final = frozenset({45015, 45047})  # silent for 48 hours, or too many messages since they last wrote


class UndeliveredError(Exception):
    """WeChat did not take a message; the text names its errcode and never the customer."""


class Messenger(Protocol):
    """Sends messages that answer no message."""

    async def send(self, openid: str, text: str) -> None:
        """Deliver a text. Raises `UndeliveredError`."""
        ...


@dataclass(slots=True, kw_only=True)
class WeChatApi:
    """`client` has WeChat's address as its base URL.

    A customer who wrote within 48 hours gets a service message; after that WeChat allows only the template
    `template_id`, whose one keyword is the text. The access token is kept until five minutes before it ends.
    """

    client: httpx.AsyncClient
    app_id: str
    secret: str
    template_id: str
    clock: Callable[[], datetime]
    _token: str = field(default="", repr=False)
    _ends_at: datetime | None = None

    async def send(self, openid: str, text: str) -> None:
        """See `Messenger`."""
        message = {"touser": openid, "msgtype": "text", "text": {"content": text}}
        code = await self._post("/cgi-bin/message/custom/send", message)
        if code in _TOO_LATE and self.template_id:
            data = {"first": {"value": "估值结果通知"}, "keyword1": {"value": text}}
            templated = {"touser": openid, "template_id": self.template_id, "data": data}
            code = await self._post("/cgi-bin/message/template/send", templated)
        if code:
            raise UndeliveredError(f"WeChat answers errcode {code}")

    async def _post(self, path: str, message: dict[str, Any]) -> int:
        """WeChat's errcode; a token that ended early is renewed once."""
        code = await self._post_with(await self._access_token(), path, message)
        if code not in _STALE_TOKEN:
            return code
        self._ends_at = None
        return await self._post_with(await self._access_token(), path, message)

    async def _post_with(self, token: str, path: str, message: dict[str, Any]) -> int:
        # WeChat shows \uXXXX as it stands: the text has to go as UTF-8
        answer = await self._answer(path, json.dumps(message, ensure_ascii=False), {"access_token": token})
        return int(answer.get("errcode", 0))

    async def _access_token(self) -> str:
        now = self.clock()
        if self._ends_at is None or now >= self._ends_at - _RENEW_BEFORE:
            asked = {"grant_type": "client_credential", "appid": self.app_id, "secret": self.secret}
            answer = await self._answer("/cgi-bin/stable_token", json.dumps(asked), {})
            if "access_token" not in answer:
                raise UndeliveredError(f"WeChat gives no access token: errcode {answer.get('errcode')}")
            self._token = str(answer["access_token"])
            self._ends_at = now + timedelta(seconds=int(answer["expires_in"]))
        return self._token

    async def _answer(self, path: str, content: str, params: dict[str, str]) -> dict[str, Any]:
        try:
            response = await self.client.post(
                path, content=content.encode(), params=params, headers={"Content-Type": "application/json"}
            )
            found: dict[str, Any] = response.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            # `from None`: the error's text holds the address, and that the access token
            raise UndeliveredError(f"WeChat does not answer: {type(error).__name__}") from None
        return found
