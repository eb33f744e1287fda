.DEFAULT_GOAL := help
.PHONY: help run setup build wasm test e2e up down fuzz soak bench lint fmt

help: ## what can be made
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' $(MAKEFILE_LIST)
run: ## build and run a gateway in front of the demo server (POLICY=file for another policy)
	@cargo xtask run $(if $(POLICY),--policy $(POLICY))
setup: ## get what a fresh machine lacks
	@cargo xtask setup
build: wasm ## build the programs and the module
	@cargo build --workspace
wasm: ## build and check the module that Envoy loads
	@cargo xtask wasm
test: ## set up and run every test
	@cargo xtask test
e2e: ## the tests through Envoy alone (TEST=name for one)
	@cargo xtask e2e $(TEST)
up: ## start the gateway in containers (.env.example says what to fill in)
	@docker compose up --build --detach
down: ## stop the containers
	@docker compose down
bench: ## measure beside bare Envoy and others (ARGS="--quick", see docs/benchmarks.md)
	@cargo xtask bench $(ARGS)
fuzz: ## mutated input for each reader of what outsiders write (SECONDS=60, TARGET=sse)
	@cargo xtask fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(TARGET)
soak: ## faults under load in random order (MINUTES=8, SEED=n to repeat a run)
	@cargo xtask soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))
lint: ## format, clippy, layers, documentation
	@cargo xtask lint
fmt: ## format
	@cargo fmt --all
