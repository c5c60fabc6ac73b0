# SPDX-License-Identifier: MIT
# A thin front for CMake: installs Debian's packages where they are missing, builds, runs. See README.md.
PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)

BUILD_PACKAGES = build-essential cmake ninja-build pkg-config libuv1-dev libgnutls28-dev libexpat1-dev \
	libidn2-dev libunbound-dev libyaml-dev libjansson-dev libsqlite3-dev libmicrohttpd-dev
RUN_PACKAGES = $(BUILD_PACKAGES) gnutls-bin
LAB_PACKAGES = mmdebstrap iproute2 util-linux openssl python3 python3-slixmpp
TEST_PACKAGES = $(RUN_PACKAGES) $(LAB_PACKAGES) libcriterion-dev mandoc g++ libssl-dev python3-cffi clang

SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo)
need = @missing=$$(for p in $(1); do \
		[ "$$(dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || echo $$p; done); \
	[ -z "$$missing" ] || { echo "installing:" $$missing; $(SUDO) apt-get -q update && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends $$missing; }

.PHONY: help build run test bench kill soak newuser image interop sim mutants starve fuzz install deb clean

help:
	@echo "make run      two nodes on this machine, federating (ONCE=1: end after the check)"
	@echo "make test     build with sanitizers, run all tests"
	@echo "make build    release build: build/bin/s2sd, build/bin/s2sctl, build/lib"
	@echo "make bench    two nodes under load beside the floor: a table and JSON (BENCH=--curves, --storm, --quick, --runs N)"
	@echo "make interop  the release build against real servers of several versions; writes docs/interop.md"
	@echo "make sim      simulated networks: SEEDS=$(SEEDS) worlds, from seed FIRST=$(FIRST) on"
	@echo "make mutants  plants bugs in a copy, one at a time: which layer of tests notices?"
	@echo "make fuzz     each fuzz target for SECONDS=$(SECONDS) seconds (clang)"
	@echo "make starve   every allocation fails in turn, in the dialogs and the tests that are about it"
	@echo "make kill     a node is killed 100 times in mid-traffic: nothing lost, nothing out of order"
	@echo "make newuser  docs/operating.md followed to the letter on a clean Debian: certbot, Pebble, Prosody (root)"
	@echo "make image    the Dockerfile built by buildah without a registry, and the image run (root)"
	@echo "make soak     ten million stanzas, 100,000 set-ups, reloads, dying peers: no growth (SCALE=$(SCALE), SECONDS at most)"
	@echo "make install  PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)"
	@echo "make deb      Debian packages in build/deb"

build:
	$(call need,$(BUILD_PACKAGES))
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS)

run:
	$(call need,$(RUN_PACKAGES))
	@$(MAKE) --no-print-directory build
	@ONCE=$(ONCE) mod_s2s_eku/node/demo/run

test:
	$(call need,$(TEST_PACKAGES))
	@cmake --preset asan
	@cmake --build --preset asan -j $(JOBS)
	@ctest --test-dir build/asan --output-on-failure -j $(JOBS)

bench:
	$(call need,$(BUILD_PACKAGES) python3)
	@cmake --preset release -DS2S_BENCH=ON
	@cmake --build --preset release -j $(JOBS)
	@build/bin/s2s-bench
	@/usr/bin/python3 -B tests/bench/bench.py $(BENCH)

interop:
	$(call need,$(BUILD_PACKAGES) $(LAB_PACKAGES))
	@$(MAKE) --no-print-directory build
	@/usr/bin/python3 -B interop/run.py --bindir build/bin --cache build/interop
	@/usr/bin/python3 -B interop/run_matrix.py --bindir build/bin --cache build/interop --page docs/interop.md
	@/usr/bin/python3 -B interop/run_features.py --bindir build/bin --cache build/interop --page docs/interop.md

SEEDS ?= 2000
FIRST ?= 1
sim:
	$(call need,$(TEST_PACKAGES))
	@cmake --preset asan
	@cmake --build --preset asan -j $(JOBS) --target sim
	@ASAN_OPTIONS=abort_on_error=1 build/asan/bin/sim --seed $(FIRST) --seeds $(SEEDS)

mutants:
	$(call need,$(TEST_PACKAGES))
	@/usr/bin/python3 -B tests/sim/mutants/run.py --build build/mutants

starve:
	$(call need,$(TEST_PACKAGES))
	@cmake --preset asan
	@cmake --build --preset asan -j $(JOBS)
	@S2S_STARVE=all ctest --test-dir build/asan -R '^dialog\.|starved|config_memory' --timeout 7200 --output-on-failure -j $(JOBS)

SECONDS ?= 60
fuzz:
	$(call need,$(TEST_PACKAGES) clang libclang-rt-dev)
	@cmake --preset fuzz
	@cmake --build --preset fuzz -j $(JOBS)
	@tests/fuzz/campaign.sh build/fuzz $(SECONDS)

kill: build
	@/usr/bin/python3 -B tests/kill/kill.py --bindir build/bin --kills 100

SCALE ?= 1
soak:
	$(call need,$(BUILD_PACKAGES) python3 openssl)
	@cmake --preset release -DS2S_BENCH=ON
	@cmake --build --preset release -j $(JOBS)
	@/usr/bin/python3 -B tests/soak/soak.py --bindir build/bin --scale $(SCALE) --seconds $(if $(filter command environment,$(firstword $(origin SECONDS))),$(SECONDS),0)

newuser: deb
	$(call need,$(LAB_PACKAGES))
	@/usr/bin/python3 -B interop/newuser.py --cache build/interop --deb build/deb/s2sd_*.deb

image:
	$(call need,mmdebstrap iproute2 util-linux openssl python3 buildah)
	@/usr/bin/python3 -B tests/packaging/image.py . build/interop

# The unit names the programs by their full paths.
install: build
	@cmake --preset release -DCMAKE_INSTALL_PREFIX=$(PREFIX) >/dev/null
	@DESTDIR=$(DESTDIR) cmake --install build --prefix $(PREFIX)

# /usr is where the packages put things.
deb:
	$(call need,$(BUILD_PACKAGES) dpkg-dev file)
	@cmake --preset release -B build/deb -DCMAKE_INSTALL_PREFIX=/usr -DS2S_DEB=ON
	@cmake --build build/deb -j $(JOBS)
	@cd build/deb && cpack -G DEB

clean:
	rm -rf build
