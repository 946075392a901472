# weir: building, testing, installing. `make help` lists the targets.
#
# Everything lands under build/: objects in build/VARIANT/, the release program as build/weir, the others as
# build/VARIANT/weir. VARIANT is release, debug, asan, tsan or fault and may be given to every target that builds or
# tests: `make unit VARIANT=asan`. WEIR=PATH tests another program. V=1 shows the commands.

VARIANT    ?= release
PREFIX     ?= /usr/local
DESTDIR    ?=
PORT       ?= 8080
STATS_PORT ?= 8404
PYTEST     ?= /usr/bin/python3 -m pytest
PYTEST_ARGS ?=

.DEFAULT_GOAL := release
.DELETE_ON_ERROR:
.SUFFIXES:
# As many jobs as there are CPUs; -jN on the command line overrides it.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2) --no-print-directory
endif
Q := $(if $(V),,@)

# ---- what is built from what ----------------------------------------------------------------------------------------

out  := build/$(VARIANT)
prog := $(if $(filter release,$(VARIANT)),build/weir,$(out)/weir)
lib  := $(out)/libweir.a
WEIR ?= $(prog)
export WEIR_BINARY = $(abspath $(WEIR))

ifeq ($(filter release debug asan tsan fault,$(VARIANT)),)
$(error VARIANT=$(VARIANT) is none of release debug asan tsan fault)
endif

# Debian ships llhttp as C sources and no library.
llhttp_dir  := /usr/share/llhttp
llhttp_objs := $(patsubst %,$(out)/llhttp/%.o,api http llhttp)
srcs        := $(wildcard src/*/*.cc)
lib_objs    := $(srcs:%.cc=$(out)/%.o) $(llhttp_objs)
unit_objs   := $(patsubst %.cc,$(out)/%.o,$(wildcard t/unit/*.cc t/unit/*/*.cc))
all_objs    := $(out)/src/main.o $(lib_objs) $(unit_objs) $(out)/t/bench/picks.o

# ---- compilers and flags --------------------------------------------------------------------------------------------

ifeq ($(origin CXX),default)
CXX := g++
endif
ifeq ($(origin CC),default)
CC := gcc
endif
ccache := $(shell command -v ccache)

# pkg-config runs once and only when something is compiled: `make deps` has to work where it is not installed yet.
pkgs       := libuv luajit openssl libpcre2-8 zlib libbrotlienc libcares fmt libcrypt
pkg_cflags  = $(eval pkg_cflags := $(shell pkg-config --cflags $(pkgs)))$(pkg_cflags)
pkg_libs    = $(eval pkg_libs := $(shell pkg-config --libs $(pkgs)))$(pkg_libs)

# Under the sanitizers -O1 -g takes g++ nearly twice as long as -Og -g1, whose reports say as much.
variant_release := -O2 -g
variant_debug   := -O0 -g -D_GLIBCXX_ASSERTIONS
variant_asan    := -Og -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
variant_tsan    := -Og -g1 -fsanitize=thread -fno-omit-frame-pointer
variant_fault   := -O1 -g -DWEIR_FAULT -D_GLIBCXX_ASSERTIONS
variant_flags   := $(variant_$(VARIANT))

sse42     := $(if $(shell grep -m1 -o sse4_2 /proc/cpuinfo 2>/dev/null),-msse4.2)
cxx_flags  = -std=c++23 $(variant_flags) -Wall -Wextra -Wpedantic -Wno-missing-field-initializers -fno-plt -Isrc -isystem /usr/share/include/llhttp \
             $(pkg_cflags) $(CPPFLAGS) $(CXXFLAGS)
# ccache knows a precompiled header by the sum beside it: two builds of one header differ in bytes. GCC 12 forgets that what is in it
# are system headers, and gives false alarms about strings there.
precompiled = $(out)/precompiled.h
with_it     = -Winvalid-pch -Wno-array-bounds -Wno-stringop-overread -Wno-stringop-overflow $(if $(ccache),$(if $(findstring clang,$(CXX)),,-fpch-preprocess)) -include $(precompiled)
export CCACHE_SLOPPINESS := pch_defines,time_macros
export CCACHE_PCH_EXTSUM := 1
c_flags    = $(variant_flags) -O3 $(sse42) -fno-plt -I/usr/share/include/llhttp $(CPPFLAGS) $(CFLAGS)
# The whole archive and -rdynamic: LuaJIT's FFI finds C functions by name that nothing else in the program calls.
link_flags = $(variant_flags) -rdynamic $(LDFLAGS) -Wl,--whole-archive $(lib) -Wl,--no-whole-archive
link_libs  = $(pkg_libs) -lpthread -ldl

# The assembler includes it, which -MMD does not see.
$(out)/src/tools/default_conf.o: conf.d/default.conf

# ---- targets --------------------------------------------------------------------------------------------------------

.PHONY: help release debug asan tsan fault fault-test asan-test tsan-test run test unit golden golden-check \
        e2e bench diff picks lint format install uninstall clean deps fresh FORCE

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo; echo '  variables: VARIANT PREFIX DESTDIR PORT STATS_PORT WEIR PYTEST_ARGS CXXFLAGS V=1'

release: $(prog) ## the release program, build/weir (default)

debug asan tsan fault: ## the program without optimisation / with sanitizers / with fault injection: build/NAME/weir
	@$(MAKE) release VARIANT=$@

run: ## install what is missing, build, and start weir on PORT (8080) and STATS_PORT (8404)
	@contrib/deps build
	@contrib/port-free $(PORT) $(STATS_PORT)
	@$(MAKE) release
	@contrib/port-free $(PORT) $(STATS_PORT)
	@echo "weir answers at      http://127.0.0.1:$(PORT)/"
	@echo "and shows itself at  http://127.0.0.1:$(STATS_PORT)/   (Ctrl-C ends it)"
	@PORT=$(PORT) STATS_PORT=$(STATS_PORT) exec $(prog) run

test: ## install what is missing, build, and run all tests: unit, golden, end to end
	@contrib/deps build test
	@$(MAKE) release $(if $(unit_objs),$(out)/unit)
	@failed=; for t in unit golden-check e2e; do $(MAKE) $$t || failed="$$failed $$t"; done; \
	  [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

unit: $(if $(unit_objs),$(out)/unit) ## unit tests (Criterion)
	$(if $(unit_objs),$(Q)$(fresh_reports); status=0; $(sanitizer_env) $(out)/unit --jobs 2 || status=$$?; $(show_reports))

# A program given by WEIR= is tested as it is; otherwise the variant's own is built first.
tested := $(if $(filter file,$(origin WEIR)),$(prog))

golden: $(tested) ## write the expected diagnostics and model dumps anew, for review with git diff
	@[ ! -x t/golden/run ] || t/golden/run --renew

golden-check: $(tested) ## compare diagnostics and model dumps with the expected ones
	@[ ! -x t/golden/run ] || t/golden/run

# Tests wait half of their time: twice as many at once as there are CPUs. pytest's 5 is "no test selected".
e2e: $(tested) ## end-to-end tests (pytest); PYTEST_ARGS="-k NAME" selects
	@[ -d t/e2e ] || exit 0; \
	$(fresh_reports); status=0; \
	$(sanitizer_env) PYTHONPYCACHEPREFIX=build/pycache \
	  $(PYTEST) -n $(shell echo $$((2 * $$(nproc)))) -q -o timeout=120 -o cache_dir=$(CURDIR)/build/pytest $(PYTEST_ARGS) t/e2e || status=$$?; \
	[ $$status -ne 5 ] || status=0; $(show_reports)

fault-test: ## build with fault injection and run the tests that need it
	@$(MAKE) e2e VARIANT=fault PYTEST_ARGS="-m fault $(PYTEST_ARGS)"

asan-test: ## build with AddressSanitizer and UBSan and run the unit and the end-to-end tests
	@$(MAKE) VARIANT=asan build/asan/weir $(if $(unit_objs),build/asan/unit)
	@failed=; for t in unit e2e; do $(MAKE) $$t VARIANT=asan || failed="$$failed $$t"; done; \
	  [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

tsan-test: ## build with ThreadSanitizer and run the tests in which several shards work at once
	@$(MAKE) e2e VARIANT=tsan PYTEST_ARGS="-m threads $(PYTEST_ARGS)"

bench: ## compare the cost per request with nginx and HAProxy
	@contrib/deps build bench
	@$(MAKE) release
	@t/bench/run --weir $(WEIR_BINARY) $(BENCH_ARGS)

diff: ## compare which servers nginx, HAProxy and weir choose for the same keys
	@contrib/deps build bench
	@$(MAKE) release
	@t/diff/balancing --weir $(WEIR_BINARY) $(DIFF_ARGS)

picks: $(out)/picks ## count the instructions of choosing a server, by algorithm
	@t/bench/picks --program $(out)/picks

lint: ## formatting, clang-tidy, file lengths; results are kept under build/lint
	@contrib/deps build lint
	@LINT_FLAGS='-std=c++23 -Isrc -isystem /usr/share/include/llhttp $(pkg_cflags)' t/lint

format: ## put src and t into the agreed format
	@find src t -name '*.cc' -o -name '*.h' | xargs -r clang-format-19 -i

deps: ## install the Debian packages of deps.txt that are missing; DEPS="build test lint bench fresh"
	@contrib/deps $(DEPS)
DEPS ?= build test

fresh: ## prove the README: a bare Debian 12 under build/fresh, its two commands in it (root; takes minutes)
	@contrib/deps fresh
	@t/fresh

# A text that names weir's own places, which are said for /usr/local. Links in front of the products' own programs stay there.
install_text = set -e; text() { install -D -m 644 "$$1" "$(DESTDIR)$$2"; \
  sed -i -e 's|/usr/local/sbin/weir|$(PREFIX)/sbin/weir|g' -e 's|/usr/local/share/weir|$(PREFIX)/share/weir|g' "$(DESTDIR)$$2"; }

install: release ## install under PREFIX (/usr/local), below DESTDIR
	install -D -m 755 $(prog) $(DESTDIR)$(PREFIX)/sbin/weir
	$(install_text); for page in man/*.[1-8]; do text $$page $(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done
	for dir in lua conf.d; do \
	  [ -d $$dir ] || continue; \
	  (cd $$dir && find . -type f) | while read -r f; do \
	    install -D -m 644 $$dir/$$f $(DESTDIR)$(PREFIX)/share/weir/$$dir/$$f || exit 1; done; \
	done
	$(install_text); for f in contrib/systemd/* contrib/*.logrotate; do text $$f $(PREFIX)/share/weir/$$f; done

uninstall: ## remove what install installed
	rm -f $(DESTDIR)$(PREFIX)/sbin/weir
	for page in man/*.[1-8]; do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done
	rm -rf $(DESTDIR)$(PREFIX)/share/weir

clean: ## remove build/
	rm -rf build

# ---- rules ----------------------------------------------------------------------------------------------------------

# Sanitizers write their reports to files: a worker's report must not get lost in a test's log, and a leak found when a unit
# test's process ends does not fail the test. Any report is a failure.
reports        = $(CURDIR)/$(out)/reports/$@
fresh_reports  = rm -rf $(reports) && mkdir -p -m 1777 $(reports)
show_reports   = for report in $(reports)/*; do \
    [ -s "$$report" ] || continue; echo "sanitizer report $$report:"; head -n 60 "$$report"; status=1; \
  done; exit $$status

sanitizer_env_asan = ASAN_OPTIONS=log_path=$(reports)/asan:detect_stack_use_after_return=1 \
  UBSAN_OPTIONS=log_path=$(reports)/asan:print_stacktrace=1 LSAN_OPTIONS=suppressions=$(CURDIR)/t/lsan.supp
sanitizer_env_tsan = TSAN_OPTIONS=log_path=$(reports)/tsan:suppressions=$(CURDIR)/t/tsan.supp
sanitizer_env      = $(sanitizer_env_$(VARIANT))

$(prog): $(out)/src/main.o $(lib)
	@mkdir -p $(@D)
	@echo "  LINK $@"
	$(Q)$(CXX) -o $@ $(out)/src/main.o $(link_flags) $(link_libs)

$(out)/unit: $(unit_objs) $(lib)
	@echo "  LINK $@"
	$(Q)$(CXX) -o $@ $(unit_objs) $(link_flags) $(shell pkg-config --libs criterion) $(link_libs)

$(out)/picks: $(out)/t/bench/picks.o $(lib)
	@echo "  LINK $@"
	$(Q)$(CXX) -o $@ $(out)/t/bench/picks.o $(link_flags) $(link_libs)

# A thin archive, made anew: equal file names in two folders stay apart, and the object of a deleted source goes.
$(lib): $(lib_objs) $(out)/objects
	@rm -f $@
	$(Q)ar qcs --thin $@ $(lib_objs)

$(out)/llhttp/%.o: $(llhttp_dir)/%.c $(out)/flags
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(ccache) $(CC) $(c_flags) -c -o $@ $<

$(precompiled).gch: src/precompiled.h $(out)/flags
	@mkdir -p $(@D)
	@echo "  CXX  $<"
	$(Q)cp $< $(precompiled)
	$(Q)$(CXX) $(cxx_flags) -x c++-header -o $@ $(precompiled)
	$(Q)sha256sum $< $(out)/flags >$@.sum

$(out)/%.o: %.cc $(out)/flags $(precompiled).gch
	@mkdir -p $(@D)
	@echo "  CXX  $<"
	$(Q)$(ccache) $(CXX) $(cxx_flags) $(with_it) -MMD -MP -c -o $@ $<

# Two files that change when the flags or the list of objects change, and only then.
$(out)/flags: FORCE
	@command -v pkg-config >/dev/null || { echo "pkg-config is missing: make deps" >&2; exit 1; }
	@mkdir -p $(@D)
	@echo '$(CXX) $(cxx_flags) $(CC) $(c_flags) $(link_flags) $(link_libs)' | cmp -s - $@ || \
	  echo '$(CXX) $(cxx_flags) $(CC) $(c_flags) $(link_flags) $(link_libs)' >$@

$(out)/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(lib_objs)' | cmp -s - $@ || echo '$(lib_objs)' >$@

FORCE:

-include $(all_objs:.o=.d)
