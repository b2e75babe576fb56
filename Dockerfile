# syntax=docker/dockerfile:1

# The compiler runs on the builder's own platform and writes for the target's: no emulation.
FROM --platform=$BUILDPLATFORM golang:1.26.8-alpine3.22 AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY docs/swag/go.mod docs/swag/
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=unknown
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/payonce .
# A named volume takes its owner from the folder it is mounted on; scratch has no mkdir, so the folders are made here.
RUN mkdir -p /out/data /out/tmp && chmod 1777 /out/tmp

FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="payonce" \
      org.opencontainers.image.description="A payments service in which a request that is sent twice happens once" \
      org.opencontainers.image.source="https://github.com/payonce/payonce" \
      org.opencontainers.image.documentation="https://github.com/payonce/payonce/blob/main/README.md" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/payonce /payonce
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/tmp /tmp
COPY LICENSE /LICENSE
USER 65532:65532
ENV ADDR=0.0.0.0:8080 DATA_DIR=/data
EXPOSE 8080
# There is no shell to ask with: the binary asks http://ADDR/readyz itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/payonce", "healthcheck"]
ENTRYPOINT ["/payonce"]
CMD ["serve"]
