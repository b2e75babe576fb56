# Tools are pinned in tools/go.mod, so that the service's own go.mod holds only what the service needs.
TOOL    := go tool -modfile=tools/go.mod
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.DEFAULT_GOAL := help
.PHONY: help run build test race fuzz faults chaos clients scaleout capacity resolution model archive sabotage bench days growth screenshots recording lint format generate docs dead ci cert env up down clean

help: ## show these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start the service with its own PostgreSQL and Redis
	go run .

build: ## build the static binary bin/payonce
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/payonce .

test: ## run every test; they start the stores that they need
	go test ./...

race: ## run every test under the race detector
	go test -race ./...

FUZZTIME ?= 20s
fuzz: ## fuzz each target for FUZZTIME (20s)
	@for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
	    .ci/fuzz "$$package" "$$target" $(FUZZTIME) || exit 1; \
	  done; \
	done

faults: ## make every fault happen at every step and print the matrix
	cd test/faults && go test -count=1

FOR  ?= 60s
SEED ?= 0
chaos: ## let everything fail at random for FOR (60s) by SEED (0 draws one)
	go test $(RACE) ./test/chaos -run TestSoak -count=1 -v -timeout 3h -args -for=$(FOR) -seed=$(SEED)

OPERATIONS ?= 10000
clients: ## let the Go and the JavaScript client do OPERATIONS (10000) while everything fails; none may be double or lost
	go test ./test/clients -run TestClientsDo -count=1 -v -timeout 1h -args -operations=$(OPERATIONS)

ROWS ?= 1000000
archive: ## archive ROWS (1000000) tombstones and print time, memory and sizes
	go test ./test/archive -run TestTheCommandsMemory -count=1 -v -timeout 3h -args -rows=$(ROWS)

scaleout: ## run on PgBouncer, Redis Cluster and Sentinel, replicated PostgreSQL, each under load for 30 s (needs those programs)
	go test ./test/scaleout -count=1 -v -parallel 1 -timeout 1h -args -for=30s

capacity: ## measure what an order and a payment cost: write-ahead log, flushes, storage, processor time
	go test ./test/capacity -count=1 -v -timeout 1h -args -each=2000

resolution: ## measure how long outcomes stay unknown, for each operation and each fault of the provider's
	go test ./test/resolution -count=1 -v -timeout 1h -args -each=50

model: ## visit every interleaving of the protocol with up to three faults, and drive the engine through the model's traces
	go run ./test/model/cmd
	go test ./test/model -run TestEngine -count=1 -v -timeout 2h -args -walks=1000

sabotage: ## break payonce in every known way and require that a test notices
	go run ./test/sabotage

bench: ## measure what idempotency costs, beside the same handlers without it
	go run ./bench -others

days: ## live through six short days in an hour: records come, expire, become tombstones and are archived at the same rate
	go run ./bench -days 6

growth: ## measure with 10 million records in the table (needs 20 GB of disk and some minutes)
	go run ./bench -growth

lint: ## check style, the arrows between packages, and common mistakes
	$(TOOL) golangci-lint run

format: ## format the Go files
	$(TOOL) gofumpt -w $$(git ls-files -co --exclude-standard '*.go')

screenshots: ## make the pictures of the pages in docs/images (needs Chromium and Node)
	npm ci --prefix test/browser --silent
	go run ./test/browser/pictures screenshots

recording: ## record the demo page and the terminal demo, as docs/images/*.svg (needs Chromium and Node)
	npm ci --prefix test/browser --silent
	go run ./test/browser/pictures recording

generate: ## write the generated files again (docs/)
	go generate ./...

docs: tools/docs/node_modules/.package-lock.json ## render the documents as pages in tools/docs/dist, and check their links and diagrams (needs npm)
	npm --prefix tools/docs run build
tools/docs/node_modules/.package-lock.json: tools/docs/package-lock.json
	npm --prefix tools/docs ci --no-audit --no-fund

dead: ## list functions that nothing reaches
	$(TOOL) deadcode -test ./...

ci: ## do all that a merge requires
	.ci/run

CERT_DIR ?= deploy/gateway/tls
cert: $(CERT_DIR)/payonce.pem ## make a certificate for the gateway in development, in CERT_DIR (deploy/gateway/tls), unless there is one
$(CERT_DIR)/payonce.pem:
	@mkdir -p "$(CERT_DIR)"
	@openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj "/CN=payonce development" \
	  -addext "subjectAltName=DNS:localhost,DNS:gateway,IP:127.0.0.1,IP:::1" \
	  -keyout "$(CERT_DIR)/key.pem" -out "$(CERT_DIR)/ca.crt" 2>/dev/null
	@cat "$(CERT_DIR)/ca.crt" "$(CERT_DIR)/key.pem" > "$@" && rm "$(CERT_DIR)/key.pem" && chmod 644 "$@" # the gateway's user in a container reads it
	@echo "$@ is for the gateway, $(CERT_DIR)/ca.crt for clients: curl --cacert $(CERT_DIR)/ca.crt"

env: .env ## write .env for docker compose, with fresh secrets
.env:
	@umask 077; sed \
	  -e "s|^POSTGRES_PASSWORD=$$|&$$(openssl rand -hex 24)|" \
	  -e "s|^GRAFANA_PASSWORD=$$|&$$(openssl rand -hex 12)|" \
	  -e "s|^SECRET_KEY=$$|&$$(openssl rand -base64 32)|" \
	  -e "s|^PROVIDER_SECRET_KEY=$$|&sk_test_$$(openssl rand -hex 12)|" \
	  -e "s|^PROVIDER_WEBHOOK_SECRET=$$|&whsec_$$(openssl rand -hex 24)|" .env.example > $@

up: .env cert ## start the whole system with docker compose, and show a first API key
	VERSION=$(VERSION) REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) docker compose up --build --wait
	@VERSION=$(VERSION) docker compose run --rm --no-deps first-merchant

down: ## stop what `make up` started; data stays in its volumes
	docker compose down

clean: ## remove what was built
	rm -rf bin payonce tools/docs/dist
