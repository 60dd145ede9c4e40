# What people do here. `make` alone lists it.

# Where cargo puts what it builds.
TARGET := $(or $(CARGO_TARGET_DIR),target)
DEBUG := $(TARGET)/debug/flowsentry
RELEASE := $(TARGET)/release/flowsentry
# What `make demo` is asked beside: make demo DEMO_FLAGS=--json
DEMO_FLAGS ?=
# How often `make fuzz` tries each property; the tests try 256 times.
CASES ?= 20000
# Versions of PostgreSQL that `make test-postgres` tries: the oldest and the newest that are supported.
VERSIONS ?= 13 18
# How many runs `make simulation` makes.
SEEDS ?= 1000000
# What `make bench` runs: of bench/NAME.rs, examples named bench_NAME, those that take minutes.
BENCHES := catch_up early pages trigger retention latency others model
# What `make compare` reads: labelled captures, a model; and the splits that it judges.
DATA ?= ../shared/data
MODEL ?= models/flowsentry.safetensors
SPLITS ?= test
# Which part of a site's windows `make adapt` takes to be labelled.
SHARE ?= 0.05
# Where `make model` writes model and card, and where the report. What is in the repository is made by the defaults.
OUT ?= models
REPORT ?= docs/model.html
# Where `make lab` writes, and what it is asked beside: make lab LAB_FLAGS='--seconds 20 sweep-udp'
LAB ?= $(TARGET)/lab
LAB_FLAGS ?=
# How long `make soak` lasts.
MINUTES ?= 60
RUN_BENCH = env RAYON_NUM_THREADS=1 cargo run --release --quiet --locked --example bench_
STEP := .ci/step

.PHONY: help demo programs deny test test-deploy test-image test-package test-postgres simulation check fuzz bench growth soak \
	detection model compare adapt lab setup package sbom
.NOTPARALLEL:

help: ## List this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## See it work: traffic and attacks through the service, on a private PostgreSQL
	@$(STEP) "release build" cargo build --release --locked
	@$(STEP) "demo" $(RELEASE) demo $(DEMO_FLAGS)

test: check deny programs ## Everything that must hold: format, lints, crates, documentation, demo, all tests
	@$(STEP) "documentation tests" cargo test --doc --quiet --locked
	@$(MAKE) --no-print-directory demo
	@$(STEP) "build" cargo build --locked
	@$(STEP) "deployment" .ci/deploy
	@$(STEP) "tests" $(DEBUG) sandbox -- .ci/tests

test-deploy: setup ## Compose file, Kubernetes manifest and Helm chart: by their schemas, Helm itself, our own settings
	@$(STEP) "build" cargo build --locked
	@$(STEP) "deployment" .ci/deploy

test-image: setup ## Build the image of deploy/Dockerfile without an engine, run it as one would, measure: a quarter of an hour, as root
	@$(STEP) "image" .ci/image $(TARGET)/image.md

programs: setup ## Install programs that some tests go through: a browser, a terminal, Prometheus
	@.ci/programs
	@.ci/axe

test-postgres: setup ## The tests with a database on other versions of PostgreSQL: VERSIONS="13 18"
	@$(STEP) "build" cargo build --locked
	@set -e; for version in $(VERSIONS); do \
		FLOWSENTRY_POSTGRES_BIN=$$(.ci/postgres $$version); export FLOWSENTRY_POSTGRES_BIN; \
		$(STEP) "PostgreSQL $$version" $(DEBUG) sandbox -- .ci/tests --no-fail-fast --test promises --test database; \
	done

simulation: setup ## A million seeds of the simulation, optimised: SEEDS=1000000
	@$(STEP) "simulation" env FLOWSENTRY_SIMULATION_SEEDS=$(SEEDS) \
		cargo test --release --locked --test simulation every_packet -- --nocapture

check: setup ## Format and lints only
	@$(STEP) "format" cargo fmt --check
	@$(STEP) "lints" cargo clippy --all-targets --locked -- -D warnings

deny: ## What deny.toml asks of all crates: licences, sources, bans, known vulnerabilities
	@$(STEP) "crates" .ci/deny

bench: setup ## Measure, two things in one run each: minutes
	@$(STEP) "release build" cargo build --release --locked
	@set -e; for bench in $(BENCHES); do $(STEP) "bench $$bench" $(RUN_BENCH)$$bench; done

growth: setup ## Draw docs/growth.svg: time and memory from 10,000 to 10,000,000 packets
	@$(STEP) "release build" cargo build --release --locked
	@$(STEP) growth $(RUN_BENCH)growth

soak: setup ## An hour at 10,000 packets/s with retention: memory and lag flat, sums equal; MINUTES=3 for a trial
	@$(STEP) "release build" cargo build --release --locked
	@$(STEP) soak $(RUN_BENCH)soak -- $(MINUTES)

detection: setup ## How soon attacks are known, how often they are told, how often nothing is told as one: a quarter of an hour; DATA=captures
	@$(STEP) "release build" cargo build --release --locked
	@$(STEP) detection $(RUN_BENCH)detection -- $(DATA)

model: setup ## Train the shipped model, write card and report, say whether it came out as committed: DATA=captures
	@$(STEP) "release build" cargo build --release --locked
	@$(STEP) "train" $(RELEASE) train --data $(DATA) --out $(OUT)/flowsentry.safetensors --card $(OUT)/flowsentry.md \
		--report $(REPORT)
	@$(MAKE) --no-print-directory compare MODEL=$(OUT)/flowsentry.safetensors SPLITS=test
	@cat $(TARGET)/forest/comparison-test.md >> $(OUT)/flowsentry.md
	@.ci/as-committed $(OUT)/flowsentry.safetensors models/flowsentry.safetensors
	@.ci/as-committed $(OUT)/flowsentry.md models/flowsentry.md
	@.ci/as-committed $(REPORT) docs/model.html

compare: setup ## The model beside forests and thresholds, on the same flows: DATA=captures SPLITS=validation
	@$(STEP) compare $(RUN_BENCH)forest -- $(DATA) $(MODEL) $(SPLITS)

adapt: setup ## What a few labelled minutes of each site do for the model: DATA=captures SHARE=0.05 SPLITS=test
	@$(STEP) "release build" cargo build --release --locked
	@"$$(.ci/python $(TARGET)/lab-python bench/lab/requirements.txt)" bench/adapt/adapt.py \
		$(RELEASE) $(DATA) $(MODEL) $(TARGET)/adapt $(SPLITS) $(SHARE)

lab: ## Record labelled attacks in network namespaces of this machine: docs/retraining.md
	@"$$(.ci/python $(TARGET)/lab-python bench/lab/requirements.txt)" bench/lab/record.py $(LAB) $(LAB_FLAGS)

package: setup ## The Debian package, in target/packages: program, unit, manual, completions, settings, list of all crates
	@$(STEP) "release build" cargo build --release --locked
	@$(STEP) "package" .ci/package $(RELEASE) target/packages

test-package: setup ## Boot a Debian in a root of its own; install, start, upgrade, remove and purge the package there: minutes, as root
	@$(STEP) "release build" cargo build --release --locked
	@$(STEP) "package in a root" .ci/package-test $(RELEASE)

sbom: setup ## List every crate that the program is built of: target/sbom/flowsentry.cdx.json, CycloneDX
	@$(STEP) "sbom" .ci/sbom

fuzz: ## All properties with many more random inputs: make fuzz CASES=1000000
	@$(STEP) "fuzz" env PROPTEST_CASES=$(CASES) cargo test --lib --locked --quiet

setup: ## Install what is missing: a C compiler, PostgreSQL's server programs
	@.ci/setup
