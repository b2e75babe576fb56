# syntax=docker/dockerfile:1

FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=unknown
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/payonce .
# A named volume takes its owner from the folder it is mounted on; scratch has no mkdir, so the folder is made here.
RUN mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/payonce /payonce
COPY --from=build --chown=65532:65532 /out/data /data
COPY LICENSE /LICENSE
USER 65532:65532
ENV ADDR=0.0.0.0:8080 DATA_DIR=/data
EXPOSE 8080
# There is no shell to ask with: the binary asks http://ADDR/readyz itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/payonce", "healthcheck"]
ENTRYPOINT ["/payonce"]
CMD ["serve"]
