import httpx
import pytest
from pydantic import SecretStr

from infra.cli import up, wechat
from infra.settings import Settings, WeChatSettings


def settings_of(path, **changes):
    secret = {name: SecretStr(f"{name}-text") for name in ("token", "app_secret", "api_key")}
    given = {**secret, "app_id": "wx1", "gateway_url": "http://gateway", **changes}
    return Settings(state=path, wechat=WeChatSettings(**given))


def test_what_is_not_set_is_named_all_at_once(monkeypatch, tmp_path):
    settings = settings_of(tmp_path, app_id="", token=SecretStr(""))
    monkeypatch.setattr(wechat, "Settings", lambda: settings)
    with pytest.raises(wechat.WeChatSettingsError, match="AVM_WECHAT__APP_ID, AVM_WECHAT__TOKEN;"):
        wechat.wechat()


async def test_the_simulator_is_served_only_where_it_is_switched_on(tmp_path):
    for is_on in (False, True):
        web = wechat.application(settings_of(tmp_path, simulator=is_on), own_url="http://adapter")
        async with (
            web.router.lifespan_context(web),
            httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url="http://adapter") as client,
        ):
            assert (await client.get("/health")).status_code == 200
            assert (await client.get("/simulator/")).status_code == (200 if is_on else 404)


async def test_a_local_stack_plays_wechat_unless_a_real_account_is_named(tmp_path):
    account = up._kept_secrets(tmp_path / "secrets.json")["wechat"]
    local = up._with_simulator(WeChatSettings(), account, "key")
    assert (local.simulator, local.api_key.get_secret_value()) == (True, "key")
    web = wechat.application(settings_of(tmp_path, **local.model_dump(exclude={"gateway_url"})), own_url="http://a")
    async with web.router.lifespan_context(web):
        pass  # its keys are of the form that WeChat's are
    real = WeChatSettings(app_id="wx-real")
    assert up._with_simulator(real, account, "key") is real


def test_a_child_process_gets_the_same_settings(monkeypatch, tmp_path):
    for name in (*WeChatSettings.model_fields,):
        monkeypatch.delenv(f"AVM_WECHAT__{name.upper()}", raising=False)
    account = up._kept_secrets(tmp_path / "secrets.json")["wechat"]
    local = up._with_simulator(WeChatSettings(port=8443, gateway_url="http://gateway"), account, "key")
    for name, text in up._of_wechat(local).items():
        monkeypatch.setenv(f"AVM_{name}", text)
    assert Settings().wechat == local
