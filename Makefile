# Tools are pinned in tools/go.mod, so that the service's own go.mod holds only what the service needs.
TOOL    := go tool -modfile=tools/go.mod
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.DEFAULT_GOAL := help
.PHONY: help run build test race fuzz faults chaos model sabotage bench growth lint format generate dead ci env up down clean

help: ## show these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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
	@set -e; for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 2s "$$package"; \
	  done; \
	done

faults: ## make every fault happen at every step and print the matrix
	cd test/faults && go test -count=1

FOR  ?= 60s
SEED ?= 0
chaos: ## let everything fail at random for FOR (60s) by SEED (0 draws one)
	go test ./test/chaos -run TestSoak -count=1 -v -timeout 3h -args -for=$(FOR) -seed=$(SEED)

model: ## visit every interleaving of the protocol with up to three faults
	go run ./test/model/cmd

sabotage: ## break payonce in every known way and require that a test notices
	go run ./test/sabotage

bench: ## measure what idempotency costs, beside the same handlers without it
	go run ./bench

growth: ## measure with 10 million records in the table (needs 20 GB of disk and some minutes)
	go run ./bench -growth

lint: ## check style, the arrows between packages, and common mistakes
	$(TOOL) golangci-lint run

format: ## format the Go files
	$(TOOL) gofumpt -w $$(git ls-files -co --exclude-standard '*.go')

generate: ## write the generated files again (docs/)
	go generate ./...

dead: ## list functions that nothing reaches
	$(TOOL) deadcode -test ./...

ci: ## do all that a merge requires
	.ci/run

env: .env ## write .env for docker compose, with fresh secrets
.env:
	@umask 077; sed \
	  -e "s|^POSTGRES_PASSWORD=$$|&$$(openssl rand -hex 24)|" \
	  -e "s|^SECRET_KEY=$$|&$$(openssl rand -base64 32)|" \
	  -e "s|^PROVIDER_SECRET_KEY=$$|&sk_test_$$(openssl rand -hex 12)|" .env.example > $@

up: .env ## start the service with docker compose
	docker compose up --build --wait

down: ## stop what `make up` started; data stays in its volumes
	docker compose down

clean: ## remove what was built
	rm -rf bin payonce
