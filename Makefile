# Everything happens in .venv, from the locked versions in locks/. `make help` lists what there is.
.DEFAULT_GOAL := help
export PYTHON
# Tests start hundreds of processes: none should compile the same files again.
test test-all: export PYTHONDONTWRITEBYTECODE :=
BIN := .venv/bin

help: ## show this list
	@echo "PneumoServe. Targets:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'
	@echo "PYTHON=/path/to/python3.12 chooses the interpreter (3.11 to 3.13)."

serve: .venv/.serve ## install what serving needs, then serve on port 8000 (PNEUMOSERVE_PORT)
	@echo "Serving where the line \"ready\" says, in a moment (/docs there shows how to ask). Ctrl+C ends it."
	@exec $(BIN)/pneumoserve serve

test: .venv/.test ## install what the tests need, then run them (ARGS="-k predict")
	@command -v chromium >/dev/null || echo "chromium is not installed: the tests of the page (tests/web) skip."
	$(BIN)/python -m pytest -n 3 --no-loadscope-reorder $(ARGS)

test-all: .venv/.test .venv/.kserve ## the long tests too: soaks, and the fuzz tests forty times over
	$(BIN)/python -m pytest -m long $(ARGS)
	FUZZ_TIMES=40 $(BIN)/python -m pytest tests/imaging/test_fuzz.py tests/imaging/dicom/test_dicom_fuzz.py \
		tests/api/test_request_fuzz.py tests/api/test_http_fuzz.py tests/api/test_schema.py tests/api/test_v2_schema.py $(ARGS)

check: .venv/.test ## style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install-train: .venv/.train ## install what `pneumoserve train` and `evaluate` need, TensorFlow with it

install-gateway: .venv/.gateway ## install what `pneumoserve dicom` and `pneumoserve gateway` need

install-archive: .venv/.archive ## install what `pneumoserve score` needs for object stores

install-ray: .venv/.ray ## install what `pneumoserve score --on ray` needs, object stores included

bench: .venv/.test $(if $(PEERS),.venv/.peers) ## speed beside the bare loop and others (PEERS=1), or AGAINST=COMMIT
	$(BIN)/python -m benchmarks.bench $(if $(PEERS),--peers .venv/peers/bin) $(if $(AGAINST),--against $(AGAINST)) $(ARGS)

bench-overload: .venv/.test ## ten times the load that it can serve; writes benchmarks/OVERLOAD.md
	$(BIN)/python -m benchmarks.overload $(ARGS)

soak: .venv/.test ## half an hour of full load, one request in twenty bad; writes docs/images/soak.png
	$(BIN)/python -m benchmarks.soak --plot docs/images/soak.png $(ARGS)

audit: .venv/.tools ## known vulnerabilities of what the serving image installs; without a network it says so
	@sh locks/audit.sh locks/serve.txt

sbom: .venv/.tools ## write sbom.json, what the serving image installs, as CycloneDX
	@.venv/tools/bin/cyclonedx-py requirements locks/serve.txt --of JSON -o sbom.json
	@echo "Wrote sbom.json."

lock: ## resolve the locks anew from pyproject.toml (UPGRADE=1 takes newer versions)
	@sh locks/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## remove .venv and every cache
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are written last: an interrupted set-up leaves none. The tests' set holds the others.
.venv/.serve: pyproject.toml locks/serve.txt locks/install.sh
	@sh locks/install.sh serve
	@touch $@

.venv/.train: pyproject.toml locks/train.txt locks/install.sh
	@sh locks/install.sh train
	@touch .venv/.serve $@

.venv/.gateway: pyproject.toml locks/gateway.txt locks/install.sh
	@sh locks/install.sh gateway
	@touch .venv/.serve $@

.venv/.archive: pyproject.toml locks/archive.txt locks/install.sh
	@sh locks/install.sh archive
	@touch .venv/.serve $@

.venv/.ray: pyproject.toml locks/ray.txt locks/install.sh
	@sh locks/install.sh ray
	@touch .venv/.serve .venv/.archive $@

.venv/.test: pyproject.toml locks/test.txt locks/install.sh
	@sh locks/install.sh test
	@touch .venv/.serve .venv/.train .venv/.gateway .venv/.archive .venv/.ray $@

.venv/.tools: locks/tools.txt .venv/.serve
	$(BIN)/python -m venv --clear .venv/tools
	.venv/tools/bin/python -m pip --disable-pip-version-check install -qq --require-hashes -r locks/tools.txt
	@touch $@

# Aside, since they have requirements of their own; gone with .venv.
.venv/.kserve: locks/kserve.txt .venv/.test
	$(BIN)/python -m venv --clear .venv/kserve
	.venv/kserve/bin/python -m pip --disable-pip-version-check install -qq --require-hashes -r locks/kserve.txt
	@touch $@

.venv/.peers: benchmarks/peers.txt .venv/.test
	$(BIN)/python -m venv --clear .venv/peers
	.venv/peers/bin/python -m pip --disable-pip-version-check install -qq -r benchmarks/peers.txt
	@touch $@

.PHONY: help serve test test-all check install-train install-gateway install-archive install-ray bench bench-overload soak \
	audit sbom lock clean
