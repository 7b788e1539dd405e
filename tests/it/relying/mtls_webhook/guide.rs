//! `docs/mtls-webhook.md`, as somebody follows it.
