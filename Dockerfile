# Two images from one source:
#
#     docker build --tag vaca .
#     docker build --tag vaca-emulator --target emulator .
#
# docker-compose.yml puts them together. Needs BuildKit, for the caches between builds.

FROM rust:1.95-bookworm AS source
WORKDIR /source
COPY Cargo.toml Cargo.lock build.rs ./
COPY proto proto
COPY migrations migrations
COPY emulator emulator
# Not built, but cargo wants to see every member of the workspace.
COPY benches benches
COPY fuzz/checks fuzz/checks
COPY templates templates
COPY src src

# Each program is built for itself: in one build, the emulator's choice of features of a shared
# dependency would be compiled into the service.
FROM source AS build-vaca
RUN --mount=type=cache,id=vaca-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=vaca-target,target=/source/target,sharing=locked \
    cargo build --release --locked --package verified-access-ca --bin vaca \
    && install -D target/release/vaca /out/vaca

FROM source AS build-emulator
RUN --mount=type=cache,id=vaca-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=vaca-target,target=/source/target,sharing=locked \
    cargo build --release --locked --package vaca-emulator --bin emulator \
    && install -D target/release/emulator /out/emulator

FROM debian:bookworm-slim AS runtime
# A fixed number, because files on the host are given to it. A new volume takes owner and mode from
# the folder that it covers.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 vaca \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin vaca \
    && install --directory --owner=10001 --group=10001 --mode=0700 \
        /var/lib/vaca /var/lib/vaca-root /var/lib/vaca-emulator
COPY deploy/answers /usr/local/bin/answers
USER 10001:10001

FROM runtime AS emulator
COPY --from=build-emulator /out/emulator /usr/local/bin/emulator
# What it listens to; it would ignore SIGTERM as the first process of a container.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
    CMD ["answers", "8091", "/emulator/v1/calls"]
ENTRYPOINT ["emulator"]
CMD ["serve"]

FROM runtime AS vaca
COPY --from=build-vaca /out/vaca /usr/local/bin/vaca
ENV VACA_CONFIG=/etc/vaca/vaca.toml
# The `pki` listener speaks plain HTTP whatever `api` does; the configurations in deploy/ put it on
# this port.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
    CMD ["answers", "8081", "/readyz"]
ENTRYPOINT ["vaca"]
CMD ["serve"]
