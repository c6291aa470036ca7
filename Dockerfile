# One image for every part: `guildhall` (all in one process), `guildhall api`, `bot`, `worker`, `migrate`.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# ring and SQLite are C: the image brings gcc. The caches keep a rebuild to what changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p guildhall \
    && cp target/release/guildhall /usr/local/bin/guildhall

FROM debian:12.12-slim
# TLS roots are compiled in, so nothing is installed. A fixed id, so that a bind-mounted folder can be given to it.
RUN useradd --system --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin guildhall \
    && install -d -o guildhall -g guildhall -m 0750 /data
COPY --from=build /usr/local/bin/guildhall /usr/local/bin/guildhall
COPY LICENSE /usr/share/doc/guildhall/LICENSE
USER guildhall
WORKDIR /data
ENV GUILDHALL_DATA=/data \
    GUILDHALL_LISTEN=0.0.0.0:8000 \
    GUILDHALL_LOG_FORMAT=json
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s --retries=3 \
    CMD ["guildhall", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["guildhall"]
