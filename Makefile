# make demo   the main job on this machine (ARGS=--once: exit when delivered)
# make test   everything that must hold; installs what it needs and says what it skips
CARGO ?= cargo
.PHONY: demo test check
demo: tools
	$(CARGO) build --release --locked
	./target/release/hubgate demo $(ARGS)

test: tools
	tests/tools/setup
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) test --locked

check:
	$(CARGO) clippy --locked --all-targets -- -D warnings

.PHONY: tools
tools:
	tests/tools/build
