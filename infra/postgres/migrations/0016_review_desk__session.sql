-- Sessions end by themselves when nobody acts, too. Those of before are logged out.
drop table session;
create table session (
    token_sha256 text primary key,
    username     text        not null references staff (username),
    opened_at    timestamptz not null,
    seen_at      timestamptz not null,
    expires_at   timestamptz not null
);
create index session_of on session (username);

-- Failed log-ins by `user:…` and `address:…`; all processes of the desk count here.
create table log_in_failure (
    key        text primary key,
    failures   int         not null,
    last_at    timestamptz not null,
    free_again timestamptz not null
);

-- Log-ins under way at the identity provider: what must come back, by the digest of what the browser keeps.
create table oidc_log_in (
    browser_sha256 text primary key,
    state          text        not null,
    nonce          text        not null,
    code_verifier  text        not null,
    expires_at     timestamptz not null
);
