# Larder. `make` lists what there is.

BIN     := $(CURDIR)/.larder/bin
PYTHON  := $(CURDIR)/.larder/venv/python/bin/python
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# What buf compares the wire contract with: the branch that this one left.
BASE    := $(shell git merge-base HEAD origin/main 2>/dev/null || git rev-parse --verify -q main 2>/dev/null)

export PATH := $(BIN):$(PATH)
export CGO_ENABLED := 1
# Go's release is the one that go.mod names, also where the machine has another.
export GOTOOLCHAIN := auto

.DEFAULT_GOAL := help
.PHONY: help setup build demo test check bench drift engines exporters feast streams keycloak fuzz fuzz-onnx fuzz-list soak generate tools sbom

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing: a C compiler, Postgres, the ONNX Runtime library
	@command -v go >/dev/null || { echo "setup: Go is missing; install Go $$(sed -n 's/^go //p' go.mod) or newer" >&2; exit 1; }
	@mkdir -p $(BIN)
	@tools/setup/packages.sh
	@tools/setup/onnxruntime.sh

build: setup ## build bin/larder
	go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/larder ./cmd/larder

demo: build ## load card transactions, apply, materialize, serve and score them
	bin/larder demo

test: setup ## race-checked tests with real Postgres and ONNX Runtime, each fuzz target for 3 seconds, then the Python package
	@tools/setup/python.sh triton
	@tools/setup/python.sh files
	@tools/setup/python.sh http
	@tools/setup/pgvector.sh
	@tools/setup/prometheus.sh
	@echo "test: every package with the race detector, on private Postgres clusters"
	go test -race -timeout 30m ./...
	@echo "test: every fuzz target for 3 seconds"
	@tools/setup/fuzz.sh 3
	@echo "test: the Python package, against a server"
	@tools/setup/python.sh
	@tools/setup/mlflow.sh
	@tools/setup/python.sh recipes
	@tools/setup/python.sh torch
	@cd client/python && $(PYTHON) -m pytest

soak: setup ## long tests of large data, with the memory that they take
	go test -tags soak -timeout 2h -run Soak -v ./...

fuzz: setup ## every fuzz target for a minute
	@tools/setup/fuzz.sh 60

# SECONDS is a variable of some shells, which make doesn't import unless they export it.
SECONDS := 3600
SEED    := 1

fuzz-onnx: build ## push odd models to a real server for SECONDS=3600, from SEED=1, and score those that it takes
	@tools/setup/python.sh
	$(PYTHON) tools/fuzz_onnx/serve.py --seconds $(SECONDS) --first-seed $(SEED)

fuzz-list: setup ## try the operators of models that run in the server's process, for SECONDS=3600, from SEED=1
	@tools/setup/python.sh onnx
	.larder/venv/onnx/bin/python tools/fuzz_onnx/candidates.py --verbose --seconds $(SECONDS) --first-seed $(SEED)

exporters: setup ## compare outputs of models as exporters write them with ONNX Runtime in Python, rows from SEED=1
	@tools/setup/python.sh exporters
	@rm -rf .larder/exporters
	.larder/venv/exporters/bin/python tools/exporters/reference.py .larder/exporters $(SEED)
	LARDER_EXPORTERS=$(CURDIR)/.larder/exporters go test -tags exporters -timeout 10m -run Exporters -v ./scoring

drift: setup ## write what SciPy says of the distributions that package monitor/drift is tested with
	@tools/setup/python.sh drift
	.larder/venv/drift/bin/python monitor/drift/testdata/oracle.py

feast: build ## compare Larder with Feast: its SDK, HTTP and gRPC against its own servers and against Larder
	@tools/setup/python.sh feast
	.larder/venv/feast/bin/python integration/feast/compare.py bin/larder .larder/feast

engines: build ## run the jobs of examples/streaming with the real Kafka, Flink and Spark, and kill them on the way
	@tools/setup/maven.sh kafka
	@tools/setup/maven.sh flink
	@tools/setup/maven.sh spark
	@tools/setup/python.sh flink
	@tools/setup/python.sh spark
	.larder/venv/spark/bin/python integration/engines/check.py bin/larder .larder/engines

streams: setup ## test the sources of streams with real brokers: Kafka, RabbitMQ, a schema registry
	@tools/setup/maven.sh kafka
	@tools/setup/rabbitmq.sh
	@tools/setup/registry.sh
	LARDER_BROKERS=$(CURDIR)/.larder go test -race -tags brokers -p 1 -timeout 20m ./internal/brokers ./stream/...

keycloak: setup ## test tokens of the real Keycloak
	@tools/setup/keycloak.sh
	LARDER_BROKERS=$(CURDIR)/.larder go test -tags keycloak -timeout 10m -run Keycloak -v ./access/oidc

bench: build ## measure every bar and scenario beside a bare gRPC echo, streams too (KAFKA=HOST:PORT); rewrites docs/benchmarks.md
	bin/larder bench --suite bars --duration 5s --write docs/benchmarks.md
	bin/larder bench --suite scenarios --duration 3s --write docs/benchmarks.md
	bin/larder bench --suite streams --duration 5s --write docs/benchmarks.md $(if $(KAFKA),--kafka $(KAFKA))

check: setup tools ## format, vet, lint, layers, known vulnerabilities, secrets, alerts, the wire contract, generated code
	@echo "check: gofumpt"
	@files=$$(gofumpt -l $$(git ls-files --cached --others --exclude-standard '*.go' | grep -v '[.]pb[.]go$$')); \
		[ -z "$$files" ] || { echo "not formatted (gofumpt -w mends it):"; echo "$$files"; exit 1; }
	@echo "check: vet"
	@go vet ./...
	@echo "check: golangci-lint"
	@golangci-lint run ./...
	@echo "check: layers"
	@go test ./internal/layers
	@echo "check: known vulnerabilities"
	@tools/setup/vulncheck.sh
	@echo "check: secrets"
	@tools/setup/secrets.sh
	@echo "check: alerts"
	@tools/setup/prometheus.sh
	@.larder/prometheus/promtool check rules deploy/prometheus/rules.yaml >/dev/null
	@.larder/prometheus/promtool test rules deploy/prometheus/rules_test.yaml
	@echo "check: buf lint"
	@buf lint
	@if [ -n "$(BASE)" ] && [ "$(BASE)" != "$$(git rev-parse HEAD)" ]; then \
		echo "check: buf breaking, against $(BASE)"; buf breaking --against '.git#ref=$(BASE)'; fi
	@echo "check: generated code"
	@rm -rf .larder/generated && mkdir -p .larder/generated && buf generate --output .larder/generated
	@diff -r .larder/generated/api api --exclude '*.proto' || { echo "the generated code is out of date; run make generate"; exit 1; }
	@tools/setup/python.sh
	@tools/python_messages.sh .larder/generated/python
	@diff -r .larder/generated/python/larderdb/v1 client/python/src/larderdb/v1 --exclude __init__.py --exclude __pycache__ || { \
		echo "the generated code is out of date; run make generate"; exit 1; }
	@echo "check: mypy"
	@cd client/python && $(PYTHON) -m mypy

sbom: ## write .larder/sbom.json, the modules that larder is made of
	@mkdir -p $(BIN)
	@tools/setup/sbom.sh

generate: tools ## write the Go and Python code of the .proto files, the reasons in docs/operations.md and the paths in docs/http.md
	buf generate
	@tools/setup/python.sh
	tools/python_messages.sh client/python/src
	LARDER_WRITE_DOCS=1 go test ./cmd/larder -run 'TestReasonsAreInOperations|TestPathsAreInHTTP'

# The tools are built once for each change of their versions.
tools: $(BIN)/.stamp

$(BIN)/.stamp: tools/go.mod tools/go.sum go.mod
	@mkdir -p $(BIN)
	@echo "setup: building gofumpt, golangci-lint and buf (once; minutes)"
	@cd tools && GOBIN=$(BIN) go install tool
	@GOBIN=$(BIN) go install tool
	@touch $@
