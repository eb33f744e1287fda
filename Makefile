.DEFAULT_GOAL := help
.PHONY: help setup wasm test lint fmt

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)
setup: ## get what a fresh machine lacks
	@cargo xtask setup
wasm: ## build and check the module that Envoy loads
	@cargo xtask wasm
test: ## set up and run every test
	@cargo xtask test
lint: ## format, clippy, layers, documentation
	@cargo xtask lint
fmt: ## format
	@cargo fmt --all
