# make demo   the main job on this machine (ARGS=--once: exit when delivered)
# make test   everything that must hold; installs what it needs and says what it skips
# make bench  hubgate and its peers under the same load (bench/README.md; ARGS=--quick)
# make deb    the Debian package, in target/debian/
# make test-install   the package in a Debian 12 of its own: what an operator does (needs root)
# make image  the container image, with Docker or Podman, and its bill of materials, in target/image/
# make test-image     the image as it is to be run: alone, by Compose, as in a pod (needs root)
# make fuzz   made-up bytes for every parser, FUZZ_SECONDS each (120); TARGETS: only these
CARGO ?= cargo
.PHONY: demo test check
demo: tools
	$(CARGO) build --release --locked
	./target/release/hubgate demo $(ARGS)

test: tools
	tests/tools/setup
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) test --locked

check:
	$(CARGO) clippy --locked --all-targets -- -D warnings

.PHONY: tools
tools:
	tests/tools/build

.PHONY: deb test-install
deb: tools
	packaging/deb/build
test-install: tools
	packaging/test/prepare

.PHONY: image test-image
image: tools
	packaging/container/build
test-image: tools
	packaging/test/prepare-image

.PHONY: bench
bench: tools
	bench/setup
	bench/run $(ARGS)
.PHONY: fuzz
fuzz: tools
	tests/tools/fuzz $(TARGETS)
