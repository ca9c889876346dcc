# imagemill. `make help` lists what there is.
SHELL := /bin/sh
PYTHON ?= python3
PORT ?=
CSV ?=
OPTIONS ?=
SEEDS ?= 1 2 3 4 5
SECONDS ?= 60
ENV ?= dev
LAST ?= 2
EVENT ?=
# By the environment, so that no shell reads what a value says.
export OPTIONS

UV := .venv-uv/bin/uv
# As pip does, uv trusts the machine's authorities, and those that pip was told of: a proxy may have its own.
UV_QUIET = UV_NO_PROGRESS=1 UV_LINK_MODE=copy UV_SYSTEM_CERTS=1 $(if $(SSL_CERT_FILE),,$(PIP_AUTHORITIES))
PIP_AUTHORITIES = $(addprefix SSL_CERT_FILE=,$(or $(PIP_CERT),$(shell .venv-uv/bin/python -m pip config get global.cert 2>/dev/null)))
VENV_PYTHON := .venv/bin/python
# The stack is driven by the client, from its source. With `exec`, so that a signal to make reaches no shell but Python.
WITH_CLIENT := PYTHONPATH=client/src
FAULT_MATRIX := tests/faults/test_fault_matrix.py
REQUIREMENTS := layers/core/requirements layers/imaging/requirements \
	requirements/uv requirements/client requirements/wheel requirements/run requirements/dev requirements/emulator \
	requirements/sam requirements/runtime requirements/bench requirements/fuzz requirements/transcoder requirements/generated

TRANSCODER := functions/process/codec/transcode/transcoder.wasm
TRANSCODER_SOURCES := $(sort $(wildcard transcoder/src/*.c))
# Floats as written: contracted into fused operations they would round otherwise on another processor.
TRANSCODER_CFLAGS := -std=c2x -O2 -flto -Wall -Wextra -Werror -ffp-contract=off
WASM_FLAGS := -target wasm32-freestanding -mcpu=generic+simd128+bulk_memory+sign_ext+nontrapping_fptoint -nostdlib \
	-Wl,--no-entry -Wl,--strip-all -Wl,--initial-memory=2097152 -Wl,-z,stack-size=65536
FUZZ_CLANG ?= clang
FUZZ_CFLAGS := -std=c2x -O2 -g -ffp-contract=off -DMAX_PIXELS=300000 -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined

.PHONY: help client generated-client local-invoke releases deploy nginx browser pictures run dev test unit e2e chaos check format bench fuzz corpus transcoder transcoder-check transcoder-fuzz build clean lock wheel
.DEFAULT_GOAL := help

help: ## List the targets.
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

run: .venv/.run .venv-emulator/.installed ## Run a catalogue end to end: CSV=my.csv OPTIONS="quality=60 format=webp"; the samples by default.
	@$(WITH_CLIENT) exec $(VENV_PYTHON) -m local.run $(if $(PORT),--port $(PORT)) $(if $(CSV),--csv "$(CSV)") --options "$$OPTIONS"

dev: .venv/.run .venv-emulator/.installed ## Start the stack and leave it up until Ctrl-C, on PORT=4566.
	@$(WITH_CLIENT) exec $(VENV_PYTHON) -m local.dev $(if $(PORT),--port $(PORT))

client: $(UV) ## Install the command `imagemill` for yourself, in a venv of its own that uv keeps.
	@$(UV_QUIET) $(UV) tool install --quiet --reinstall --build-constraints requirements/wheel.txt ./client
	@bin=$$($(UV) tool dir --bin); echo "$$bin/imagemill is the command."; \
	case ":$$PATH:" in *":$$bin:"*) ;; *) echo "Put that folder on PATH: $(UV) tool update-shell does, for new shells." ;; esac

test: .venv/.dev .venv-emulator/.installed .venv-sam/.installed .local/runtime/.installed ## All tests, the coverage of them together, and how long each part took.
	@$(VENV_PYTHON) -m tests

unit: .venv/.dev ## Unit tests alone.
	$(VENV_PYTHON) -m pytest tests --ignore tests/e2e --ignore tests/browser --ignore $(FAULT_MATRIX)

e2e: .venv/.dev .venv-emulator/.installed .venv-sam/.installed .local/runtime/.installed ## End-to-end tests alone.
	$(VENV_PYTHON) -m pytest -n 2 --dist loadfile tests/e2e

nginx: ## Install the web server that end-to-end tests ask for images, by apt-get or brew.
	@if command -v apt-get >/dev/null; then \
		sudo=$$(test "$$(id -u)" = 0 || echo sudo); \
		$$sudo apt-get update -qq && $$sudo apt-get install -qq -y --no-install-recommends nginx; \
	elif command -v brew >/dev/null; then brew install nginx; \
	else echo "Neither apt-get nor brew is here: install nginx yourself." >&2; exit 1; fi

browser: ## Install the browser that the pages are tested in, by apt-get or brew.
	@if command -v apt-get >/dev/null; then \
		sudo=$$(test "$$(id -u)" = 0 || echo sudo); \
		$$sudo apt-get update -qq && $$sudo apt-get install -qq -y --no-install-recommends chromium; \
	elif command -v brew >/dev/null; then brew install --cask chromium; \
	else echo "Neither apt-get nor brew is here: install Chromium yourself." >&2; exit 1; fi

pictures: .venv/.dev .venv-emulator/.installed ## Draw docs/images anew: the console, and a terminal.
	@$(WITH_CLIENT) exec $(VENV_PYTHON) -m tests.browser.pictures

generated-client: .venv/.dev .venv-emulator/.installed .venv-generated/.installed ## Generate two clients from the OpenAPI document, and use them.
	@$(WITH_CLIENT) exec $(VENV_PYTHON) -m tests.generated

chaos: .venv/.dev .venv-emulator/.installed ## Jobs in a storm of kills, failing origins and duplicates: SEEDS="1 2 3 4 5".
	@$(WITH_CLIENT):layers/core:functions exec $(VENV_PYTHON) -m tests.e2e.chaos --seed $(SEEDS)

local-invoke: .venv/.dev .venv-emulator/.installed .venv-sam/.installed .local/runtime/.installed ## Run EVENT=process_products of events/, or all of them, in Lambda's runtime, without Docker.
	@PYTHONPATH=layers/core:functions $(VENV_PYTHON) -m tests.runtime $(EVENT)

releases: .venv/.dev ## Let neighbouring releases hand each other what they store and queue: LAST=2 commits that changed functions.
	@PYTHONPATH=layers/core:functions $(VENV_PYTHON) -m tests.releases --last $(LAST)

check: .venv/.dev .venv-sam/.installed wheel ## Format, lint, types, the template, and the client's wheel.
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 .venv-sam/bin/sam validate --lint

wheel: .venv-client/.installed ## Build the client's wheel, and try it in a venv of its own.
	@$(UV_QUIET) $(UV) build --quiet --wheel --clear client --out-dir .venv-client/dist --build-constraints requirements/wheel.txt --require-hashes
	@$(UV_QUIET) $(UV) pip install --quiet --python .venv-client --no-deps --reinstall .venv-client/dist/*.whl
	@$(UV_QUIET) $(UV) pip check --quiet --python .venv-client
	@.venv-client/bin/imagemill --version

format: .venv/.dev ## Format and mend what can be mended.
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: .venv-bench/.installed .venv-emulator/.installed bench/node_modules/.installed ## Measure codec, transcoder, threads, memory, worker, ingest and job; draws docs/benchmarks anew.
	@$(WITH_CLIENT):layers/core:functions exec .venv-bench/bin/python -m bench

fuzz: .venv-fuzz/.installed ## Fuzz the CSV reader, the URL splitter and the codec for SECONDS=60 in all; Linux.
	@.venv-fuzz/bin/python -m tests.fuzz --seconds $(SECONDS)

transcoder: .venv-transcoder/.installed ## Build the transcoder's WebAssembly module from transcoder/src.
	@ZIG_GLOBAL_CACHE_DIR=.local/zig ZIG_LOCAL_CACHE_DIR=.local/zig .venv-transcoder/bin/python -m ziglang cc \
		$(TRANSCODER_CFLAGS) $(WASM_FLAGS) $(TRANSCODER_SOURCES) -o $(TRANSCODER)
	@chmod 644 $(TRANSCODER)

transcoder-check: ## Check that the module in the tree is the one that its sources make.
	@mkdir -p .local
	@$(MAKE) --no-print-directory transcoder TRANSCODER=.local/transcoder.wasm
	@cmp .local/transcoder.wasm $(TRANSCODER)

transcoder-fuzz: ## Fuzz the transcoder's sources natively under sanitizers for SECONDS=60; needs clang with libFuzzer.
	@mkdir -p .local/transcoder-fuzz/corpus
	@$(FUZZ_CLANG) $(FUZZ_CFLAGS) -Itranscoder/src $(filter-out %/sandbox.c,$(TRANSCODER_SOURCES)) transcoder/fuzz/fuzz.c \
		-o .local/transcoder-fuzz/fuzz
	@.local/transcoder-fuzz/fuzz -max_total_time=$(SECONDS) -max_len=8192 -timeout=10 -rss_limit_mb=3000 -print_final_stats=1 \
		.local/transcoder-fuzz/corpus transcoder/fuzz/corpus
corpus: .venv/.dev ## Run the codec over some thousand image files of others' packages, and compare with libvips.
	@PYTHONPATH=layers/core:functions $(VENV_PYTHON) -m tests.corpus

build: .venv-sam/.installed ## Build the deployment packages; needs python3.13 on PATH.
	SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam build
	@# Byte code ships with them, of the runtime's own version: cold imports are 2.5 times as fast.
	python3.13 -m compileall -q --invalidation-mode unchecked-hash .aws-sam/build

deploy: build ## Deploy to AWS: ENV=dev or prod, of samconfig.toml; asks nothing in dev, nor where CI is set.
	@PATH="$(CURDIR)/.venv-sam/bin:$$PATH" SAM_CLI_TELEMETRY=0 $(PYTHON) -m local.deploy "$(ENV)" "$$(git describe --always --dirty)"

lock: $(UV) ## Pin all requirements anew, with hashes.
	@for name in $(REQUIREMENTS); do \
		$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --upgrade \
			$$(test $$name = requirements/dev || echo "-c requirements/dev.txt" | grep -v "emulator\|sam\|uv") \
			$$name.in -o $$name.txt || exit 1; \
	done

clean: ## Remove all that was installed, built or written.
	@chmod -Rf u+w .local/runtime || true
	rm -rf .venv .venv-uv .venv-emulator .venv-sam .venv-bench .venv-fuzz .venv-transcoder .venv-runtime .venv-client .venv-generated bench/node_modules .local .aws-sam out .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .schemathesis
	@echo "Left are what lies outside of this folder: the caches of uv and npm, and profiles of \`imagemill login\`."

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "imagemill needs Python 3.11 or newer: make PYTHON=python3.13 …" >&2; exit 1; }
	@echo "Installing uv …"
	@$(PYTHON) -m venv .venv-uv || { echo "The venv module is missing; on Debian: apt-get install python3-venv" >&2; rm -rf .venv-uv; exit 1; }
	@.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $(UV)

bench/node_modules/.installed: bench/package-lock.json
	@npm ci --prefix bench --ignore-scripts --silent
	@touch $@

# One venv for the functions' packages and ours: `run` needs few of them, `dev` adds the tools.
.venv/.run: $(UV) requirements/run.txt
	@echo "Installing what the functions and the client need …"
	@test -x $(VENV_PYTHON) || $(UV) venv --quiet --python "$$(.venv-uv/bin/python -c 'import sys; print(sys.executable)')" .venv
	@$(UV_QUIET) $(UV) pip install --quiet --python .venv --require-hashes -r requirements/run.txt
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	@echo "Installing the tools …"
	@$(UV_QUIET) $(UV) pip install --quiet --python .venv --require-hashes -r requirements/dev.txt
	@touch $@

# Lambda's Python where one is found, on PATH or among pyenv's; else the one at hand, and its name is told.
# With what the runtime brings, and the layers' packages for it, as /opt has them.
.venv-runtime/.installed: $(UV) requirements/runtime.txt
	@echo "Installing Lambda's runtime …"
	@for python in python3.13 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13.*/bin/python .venv-uv/bin/python; do \
		found=$$("$$python" -c 'import sys; print(sys.executable)' 2>/dev/null) && break; \
	done; \
	"$$found" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' \
		|| echo "Lambda runs Python 3.13, and none is on PATH: $$("$$found" --version) takes its place."; \
	test -x .venv-runtime/bin/python || $(UV) venv --quiet --python "$$found" .venv-runtime
	@$(UV_QUIET) $(UV) pip install --quiet --python .venv-runtime --require-hashes -r requirements/runtime.txt
	@touch $@

.local/runtime/.installed: .venv-runtime/.installed layers/core/requirements.txt layers/imaging/requirements.txt
	@mkdir -p .local/runtime
	@$(UV_QUIET) $(UV) pip install --quiet --target .local/runtime/opt/python --python .venv-runtime --require-hashes \
		-r layers/core/requirements.txt -r layers/imaging/requirements.txt
	@.venv-runtime/bin/python -m compileall -q --invalidation-mode unchecked-hash .local/runtime/opt/python
	@touch $@

# The emulator and the SAM CLI pin packages of their own: each has a venv to itself.
.venv-%/.installed: $(UV) requirements/%.txt
	@echo "Installing the $* tools …"
	@test -x .venv-$*/bin/python || $(UV) venv --quiet --python "$$(.venv-uv/bin/python -c 'import sys; print(sys.executable)')" .venv-$*
	@$(UV_QUIET) $(UV) pip install --quiet --python .venv-$* --require-hashes -r requirements/$*.txt
	@touch $@
