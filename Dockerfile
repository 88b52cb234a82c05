# The gateway as an image: `docker build --tag callback-gateway .`
#
# The journal is a volume on a local disk. Callbacks listen on every address, so at least one app must be configured;
# the admin listener stays on the container's loopback until it is given a token (config/compose.yaml shows how).

ARG RUST_IMAGE=rust:1.95-slim-trixie
ARG RUNTIME_IMAGE=debian:trixie-slim

# The manifests alone, with empty crates behind them: this stage's result changes only when dependencies do.
FROM ${RUST_IMAGE} AS manifests
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY crates crates
RUN find crates -type f ! -name Cargo.toml -delete \
    && find crates -name Cargo.toml -execdir mkdir -p src \; -execdir touch src/lib.rs \; \
    && echo 'fn main() {}' > crates/server/src/main.rs

FROM ${RUST_IMAGE} AS build
# `dist` runs fastest; `release` builds sooner.
ARG PROFILE=dist
# `true` where the registry is mounted rather than reached.
ARG CARGO_NET_OFFLINE=false
WORKDIR /source
COPY --from=manifests /source ./
RUN cargo build --locked --profile "$PROFILE" --bin callback-gateway
COPY config config
COPY crates crates
# Cargo compares times, and the empty crates were built after these files were written.
RUN find crates -name '*.rs' -exec touch {} + \
    && cargo build --locked --profile "$PROFILE" --bin callback-gateway \
    && install -D "target/$PROFILE/callback-gateway" /result/callback-gateway

FROM ${RUNTIME_IMAGE} AS runtime
COPY --from=build /result/callback-gateway /usr/local/bin/callback-gateway
# A new volume takes over the owner of the directory that it is mounted on.
RUN install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/callback-gateway
USER 10001:10001
WORKDIR /var/lib/callback-gateway
ENV GATEWAY_CALLBACKS__LISTEN=0.0.0.0:8080 \
    GATEWAY_JOURNAL__PATH=/var/lib/callback-gateway
VOLUME ["/var/lib/callback-gateway"]
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["callback-gateway", "healthcheck"]
ENTRYPOINT ["callback-gateway"]
