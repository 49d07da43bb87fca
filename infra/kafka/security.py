"""How every librdkafka client of ours reaches the broker: one function, so that no client is left unencrypted."""

from pathlib import Path

ClientConf = dict[str, str | int | float | bool]

_MECHANISM = "SCRAM-SHA-512"


def client_conf(
    bootstrap: str, *, sasl_username: str = "", sasl_password: str = "", ca_path: Path | None = None
) -> ClientConf:
    """Return the librdkafka settings common to producers, consumers and admin clients.

    Args:
        bootstrap: `host:port`, several separated by commas.
        sasl_username: SCRAM-SHA-512 user; empty means no login.
        sasl_password: Its password.
        ca_path: PEM file of the authority that signed the brokers' certificates; None means no TLS.

    Raises:
        ValueError: A user without a password, or a password without a user.
    """
    if bool(sasl_username) != bool(sasl_password):
        raise ValueError("SASL needs both a user and a password; set both or neither")
    conf: ClientConf = {"bootstrap.servers": bootstrap, "security.protocol": _protocol(sasl_username, ca_path)}
    if sasl_username:
        conf |= {"sasl.mechanism": _MECHANISM, "sasl.username": sasl_username, "sasl.password": sasl_password}
    if ca_path is not None:
        conf["ssl.ca.location"] = str(ca_path)
    return conf


def _protocol(sasl_username: str, ca_path: Path | None) -> str:
    transport = "PLAINTEXT" if ca_path is None else "SSL"
    return f"SASL_{transport}" if sasl_username else transport
