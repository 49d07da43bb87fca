"""The environment, read once. Prefix `AVM_`, sections behind a double underscore: `AVM_KAFKA__BOOTSTRAP`.

Only composition roots (`infra/cli`) import this; they hand on values, never the object.
"""

from datetime import date
from pathlib import Path

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class KafkaSettings(BaseModel):
    """How to reach the broker. Empty `bootstrap` means: the local stack that `avm up` runs."""

    bootstrap: str = Field(default="", description="host:port[,host:port…]")
    user: str = Field(default="", description="SASL/SCRAM user; empty: no authentication")
    password: SecretStr = Field(default=SecretStr(""), description="SASL/SCRAM password")
    ca_file: str = Field(default="", description="PEM of the broker's authority; empty: no TLS")
    partitions: int = Field(default=12, description="partitions of a topic on the way when topics are created")
    replication: int = Field(default=3, description="replication factor when topics are created")
    instance_id: str = Field(default="", description="static group membership, e.g. the pod's stable name")


class RegistrySettings(BaseModel):
    """Schema registry. Empty `url` means: ids by the catalogue of this release, in process."""

    url: str = Field(default="", description="Confluent-compatible registry, e.g. http://registry:8080/apis/ccompat/v7")


class PostgresSettings(BaseModel):
    """PostgreSQL of ledger and desk. Empty `dsn` means: the local stack that `avm up` runs."""

    dsn: SecretStr = Field(
        default=SecretStr(""), description="libpq connection string of the ledger's and desk's database"
    )


class StorageSettings(BaseModel):
    """Report and model stores: any fsspec URL, or a folder."""

    reports: str = Field(default="", description="e.g. s3://bucket/reports; empty: <state>/reports")
    models: str = Field(default="", description="e.g. s3://bucket/models; empty: <state>/models")


class TelemetrySettings(BaseModel):
    """Where traces and metrics go."""

    otlp_endpoint: str = Field(
        default="", description="OTLP/HTTP endpoint; empty: trace ids continue, nothing is exported"
    )


class SignedKey(BaseModel):
    """An API key whose requests are signed. `secret` signs them; without `scopes` it has all of its channel."""

    channel: str
    secret: SecretStr
    scopes: tuple[str, ...] | None = None


class OauthClient(BaseModel):
    """A client that fetches tokens. Its secret is long and random, so its sha256 (hex) is enough to know it by.

    Without `scopes` it has all of its channel.
    """

    channel: str
    secret_sha256: str
    scopes: tuple[str, ...] | None = None


class GatewaySettings(BaseModel):
    """The HTTP gateway."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=0, description="0: a free one")
    public_url: str = Field(default="", description="base of links in reports, as the outside sees the gateway")
    api_keys: dict[str, str] = Field(default={}, description="sha256 of an API key (hex) -> channel code, as JSON")
    signed_keys: dict[str, SignedKey] = Field(
        default={}, description="sha256 of an API key (hex) -> channel, secret, scopes of a key that signs, as JSON"
    )
    oauth_clients: dict[str, OauthClient] = Field(
        default={}, description="client_id -> channel, secret_sha256, scopes of an OAuth client, as JSON"
    )
    client_certificates: dict[str, str] = Field(
        default={}, description="SHA-256 fingerprint of a client certificate -> channel code, as JSON"
    )
    token_keys: Path | None = Field(
        default=None,
        description="JWKS with private keys, the same for all instances; empty: made in <state>/gateway",
    )
    tls_port: int = Field(default=0, description="port of the private listener; 0: a free one")
    tls_certificate: Path | None = Field(
        default=None, description="PEM chain of the private listener, which admits client certificates; empty: none"
    )
    tls_key: Path | None = Field(default=None, description="PEM key of the private listener")
    tls_client_authority: Path | None = Field(default=None, description="PEM of the authority of client certificates")
    client_address_header: str = Field(
        default="",
        description="header in which the proxy before us states its client's address, e.g. X-Real-IP; empty: the peer",
    )
    capacity: int = Field(default=400, gt=0, description="valuations one instance waits for before it turns away")
    challenge_difficulty: int = Field(
        default=16, ge=0, le=32, description="zero bits of the work an anonymous visitor does; each doubles it"
    )
    ledger_url: str = Field(default="", description="base URL of the ledger's HTTP interface")


class LedgerSettings(BaseModel):
    """The ledger's HTTP interface, for the gateway and `avm trace`."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=0, description="0: a free one")


class BatchSettings(BaseModel):
    """The batch service, for the gateway and `avm batch`. It trusts whoever reaches it: keep it on loopback."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=0, description="0: a free one")
    url: str = Field(default="", description="its base URL; empty: the local stack's")
    window: int = Field(default=2000, description="rows of all jobs on their way at most; fewer when online is slow")


class CallbacksSettings(BaseModel):
    """What brings results back to the bank's systems."""

    host: str = Field(default="127.0.0.1", description="address of its health page and metrics")
    port: int = Field(default=0, description="0: a free one")
    networks: tuple[str, ...] = Field(
        default=(), description="private networks webhooks may reach, as JSON of CIDR texts, e.g. the bank's own line"
    )
    allow_http: bool = Field(default=False, description="true: webhooks may go without TLS; only on a closed line")
    ca_file: str = Field(default="", description="PEM of the authority of the bank's endpoints; empty: the system's")
    concurrency: int = Field(default=64, ge=1, le=100, description="attempts under way for one channel at most")
    timeout_s: float = Field(default=15, gt=0, le=30, description="an attempt that takes longer counts as failed")
    keep_days: int = Field(default=400, ge=60, description="deliveries and receipts older than this are deleted")
    reconciliation: str = Field(
        default="", description="folder or fsspec URL of daily reconciliations; empty: <state>/reconciliation"
    )


class WeChatSettings(BaseModel):
    """The adapter of a WeChat official account."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=0, description="0: a free one")
    token: SecretStr = Field(default=SecretStr(""), description="令牌: what WeChat signs its requests with")
    app_id: str = Field(default="", description="the account's AppID")
    app_secret: SecretStr = Field(default=SecretStr(""), description="the account's AppSecret")
    encoding_aes_key: SecretStr = Field(
        default=SecretStr(""), description="消息加解密密钥, 43 characters; empty: messages are signed and not sealed"
    )
    api_url: str = Field(default="https://api.weixin.qq.com", description="WeChat's interface for accounts")
    template_id: str = Field(
        default="", description="template for customers silent for 48 hours; its keyword1 is the text; empty: none"
    )
    gateway_url: str = Field(default="", description="base URL of the gateway")
    api_key: SecretStr = Field(default=SecretStr(""), description="the gateway's key of the channel WECHAT_OA")
    subject_secret: SecretStr = Field(
        default=SecretStr(""), description="what customers' tokens and openids are hidden by; empty: from app_secret"
    )
    simulator: bool = Field(default=False, description="true: serve a chat page that plays WeChat; never in production")


class DeskAccount(BaseModel):
    """A person whom the settings name. Without `certified_until` they may enter and are given no task."""

    password_hash: str
    grade: str
    name: str = ""
    roles: tuple[str, ...] = ("REVIEWER",)
    skills: dict[str, int] = {}
    hired_on: date = date(2020, 1, 1)
    certified_until: date | None = None


class OidcSettings(BaseModel):
    """The bank's identity provider for the desk. Empty `discovery_url` means: local accounts alone."""

    discovery_url: str = Field(default="", description="…/.well-known/openid-configuration")
    client_id: str = Field(default="", description="as registered at the provider")
    client_secret: SecretStr = Field(default=SecretStr(""), description="likewise")
    redirect_url: str = Field(default="", description="the desk's https://…/oidc/callback, as registered there")
    claim: str = Field(default="preferred_username", description="claim of the ID token that names the desk's user")


class DeskSettings(BaseModel):
    """The manual-valuation desk."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=0, description="0: a free one")
    accounts: dict[str, DeskAccount | tuple[str, str]] = Field(
        default={},
        description="people put into a new desk's register, as JSON: user -> [argon2 hash, grade], or an object with "
        "password_hash, grade, name, roles, skills, hired_on, certified_until",
    )
    oidc: OidcSettings = OidcSettings()
    duty_pool: bool = Field(
        default=False, description="true: people work outside opening hours too, so nothing is parked till the morning"
    )
    secure_cookie: bool = Field(default=False, description="true where the desk is served over TLS")
    sampling_seed: SecretStr = Field(
        default=SecretStr(""),
        description="secret that the lots of second readings hang on; empty: one that the database keeps",
    )


class Settings(BaseSettings):
    """Everything the processes need to know of the outside."""

    model_config = SettingsConfigDict(env_prefix="AVM_", env_nested_delimiter="__", extra="ignore")

    state: Path = Field(default=Path(".avm"), description="folder of the local stack and of generated state")
    kafka: KafkaSettings = KafkaSettings()
    registry: RegistrySettings = RegistrySettings()
    postgres: PostgresSettings = PostgresSettings()
    storage: StorageSettings = StorageSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    gateway: GatewaySettings = GatewaySettings()
    ledger: LedgerSettings = LedgerSettings()
    callbacks: CallbacksSettings = CallbacksSettings()
    desk: DeskSettings = DeskSettings()
    wechat: WeChatSettings = WeChatSettings()
    batch: BatchSettings = BatchSettings()
    policy: Path | None = Field(default=None, description="routing policy in force; empty: the one shipped")
    policy_approvals: bool = Field(
        default=False, description="true: a running worker refuses a changed policy file without two people's approval"
    )
    require_licences: bool = Field(
        default=True, description="false: sources need no registered licence; only where no bank is served"
    )
    contract_ref: str = Field(default="CZBK20170118", description="contract reference printed on reports")
    issuer: str = Field(default="房屋自动估值服务", description="who issues reports, as printed on them")
    report_template: Path | None = Field(
        default=None, description="template package of reports, a folder or a zip file; empty: the one shipped"
    )
    channels_file: Path | None = Field(
        default=None, description="further channels, in the form of schemas/domain/channels.toml; the same everywhere"
    )
    health_port: int | None = Field(default=None, description="port of a worker's health page; empty: none")

    @property
    def reports_url(self) -> str:
        """Where reports are kept."""
        return self.storage.reports or str(self.state / "reports")

    @property
    def reconciliation_url(self) -> str:
        """Where daily reconciliations are kept."""
        return self.callbacks.reconciliation or str(self.state / "reconciliation")

    @property
    def models_url(self) -> str:
        """Where model artefacts are kept."""
        return self.storage.models or str(self.state / "models")
