# linzhang: `make help` lists what there is. The two commands of the README are `make demo` and `make test`.
SHELL := /bin/bash
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

ifeq ($(origin CC),default)
CC      := gcc
endif
BUILD   ?= build
DEFINES ?=
OPT     ?= -O2 -g
WARN    := -std=c11 -Wall -Wextra -Wconversion -Wshadow -Wswitch-enum -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Werror
HARDEN  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -fno-plt
LINK    := -pie -Wl,-z,relro,-z,now
SAN     ?=
CFLAGS  += $(WARN) $(OPT) $(HARDEN) $(SAN) $(DEFINES) -D_GNU_SOURCE -MMD -MP -I$(BUILD)/proto
LIBS    := -lzmq -llmdb -lprotobuf-c -lsodium -linih -ljansson -lpthread

ROOMS   := base core store flow turn wire ctl
CLIENT  := daemon/ctl/linzhangctl.c daemon/ctl/print.c $(wildcard daemon/ctl/client_*.c)
COMMON  := $(filter-out $(CLIENT),$(foreach r,$(ROOMS),$(wildcard daemon/$(r)/*.c)))
DAEMON  := daemon/main.c daemon/config.c
PROTOS  := record sync control
PROTO_C := $(PROTOS:%=$(BUILD)/proto/%.pb-c.c)
obj      = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB     := $(BUILD)/liblinzhang.a
PROGS   := $(BUILD)/linzhangd $(BUILD)/linzhangctl

.PHONY: all help bootstrap clean
all: $(PROGS)
V ?= @

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

# ---- building ----
.SECONDARY: $(PROTO_C)

$(BUILD)/proto/%.pb-c.c: proto/%.proto
	@mkdir -p $(@D)
	$(V)protoc-c --proto_path=proto --c_out=$(@D) $<

$(BUILD)/proto/%.pb-c.o: $(BUILD)/proto/%.pb-c.c
	$(V)$(CC) -std=c11 $(OPT) $(HARDEN) $(SAN) -I$(BUILD)/proto -c -o $@ $<

$(BUILD)/daemon/%.o: daemon/%.c | $(PROTO_C)
	@mkdir -p $(@D)
	$(V)$(CC) $(CFLAGS) -c -o $@ $<

$(LIB): $(call obj,$(COMMON)) $(PROTO_C:.c=.o)
	@rm -f $@
	$(V)$(AR) rcs $@ $^

$(BUILD)/linzhangd: $(call obj,$(DAEMON)) $(LIB)
	$(V)$(CC) $(SAN) $(LINK) -o $@ $^ $(LIBS)

$(BUILD)/linzhangctl: $(call obj,$(CLIENT)) $(LIB)
	$(V)$(CC) $(SAN) $(LINK) -o $@ $^ $(LIBS)

bootstrap: ## install the Debian packages that are missing (deploy/dependencies.txt)
	@deploy/bootstrap

clean: ## remove everything that was built
	rm -rf build

# ---- tests ----
$(BUILD)/tests/intruder: tests/system/intruder.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion,$(CFLAGS)) -o $@ $< $(LIB) $(LIBS)

UNIT_SRC  := $(wildcard tests/unit/*.c)
UNIT_BINS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(UNIT_SRC))

$(BUILD)/tests/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(CFLAGS) -o $@ $< $(LIB) $(LIBS) -lcriterion

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

SIM_SRC := $(wildcard tests/sim/*.c)
$(BUILD)/sim: $(SIM_SRC) $(wildcard tests/sim/*.h) $(LIB)
	$(V)$(CC) $(filter-out -Wconversion,$(CFLAGS)) -o $@ $(SIM_SRC) $(LIB) $(LIBS)

.PHONY: quick test unit sim
unit: $(UNIT_BINS) ## unit tests (Criterion)
	@BUILD=$(BUILD) tests/run unit

quick: bootstrap ## seconds: unit tests, lint, a few seeds
	@$(MAKE) --no-print-directory $(PROGS) $(UNIT_BINS) $(BUILD)/sim
	@BUILD=$(BUILD) tests/run unit lint sim-quick

test: bootstrap ## everything; ends with "N passed, N failed"
	@$(MAKE) --no-print-directory -j2 $(PROGS) $(UNIT_BINS) $(BUILD)/sim $(BUILD)/tests/intruder
	@$(MAKE) --no-print-directory mutants
	@BUILD=$(BUILD) tests/run all

mutants: ## the simulator with planted bugs: 1 send before commit, 2 cursor in its own commit
	@for m in 1 2; do $(MAKE) --no-print-directory -j2 BUILD=$(BUILD)/mutant$$m DEFINES=-DLZ_MUTANT=$$m $(BUILD)/mutant$$m/sim || exit 1; done

SEED ?= 1
SEEDS ?= 1
MIX ?= crash
sim: $(BUILD)/sim ## SEED=7 [SEEDS=n] [MIX=crash|restore|all] [TRACE=1]: replay worlds exactly
	@$(BUILD)/sim -f $(SEED) -n $(SEEDS) -m $(MIX) $(if $(TRACE),-t)

.PHONY: demo bench mutants
demo: bootstrap ## 13 real daemons run the plan on loopback [KEEP=1]
	@$(MAKE) --no-print-directory -j2 $(PROGS)
	@deploy/demo $(BUILD) $(KEEP)

$(BUILD)/bench/bench: tests/bench/bench.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion,$(CFLAGS)) -o $@ $< $(LIB) $(LIBS)

RECORDS ?= 100000
ROUNDS  ?= 3
bench: bootstrap ## throughput, latency, catch-up, memory on a three-tier chain [RECORDS=n] [ROUNDS=n]
	@$(MAKE) --no-print-directory -j2 $(PROGS) $(BUILD)/bench/bench
	@mkdir -p $(BUILD)/bench
	@$(BUILD)/bench/bench $(BUILD)/linzhangd $(CURDIR)/deploy/data/divisions-henan.tsv $(CURDIR)/$(BUILD)/bench/run $(BUILD)/bench/results.tsv $(RECORDS) $(ROUNDS)

.PHONY: asan soak
asan: ## unit tests and seeds under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory -j2 BUILD=$(BUILD)/asan OPT='-O1 -g' HARDEN= LINK= SAN='-fsanitize=address,undefined -fno-omit-frame-pointer' asan-built
	@BUILD=$(BUILD)/asan tests/run asan
asan-built: $(UNIT_BINS) $(BUILD)/sim

soak: $(BUILD)/sim ## SEEDS=n seeds with every fault, from a random start
	@$(BUILD)/sim -f $$(( $$(date +%s) % 1000000000 )) -n $(SEEDS) -m all

.PHONY: install
PREFIX ?= /usr/local
install: $(PROGS) ## install the two programs, the data and the samples [PREFIX=/usr/local] [DESTDIR=]
	install -D -t $(DESTDIR)$(PREFIX)/sbin $(BUILD)/linzhangd
	install -D -t $(DESTDIR)$(PREFIX)/bin $(BUILD)/linzhangctl
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/linzhang/data deploy/data/*
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/linzhang/examples deploy/examples/*

SECONDS ?= 60
.PHONY: fuzz
fuzz: ## libFuzzer over every gate, under ASan and UBSan [SECONDS=60]
	@deploy/bootstrap fuzz
	@$(MAKE) --no-print-directory -j2 BUILD=$(BUILD)/fuzz CC=clang OPT='-O1 -g' HARDEN= LINK= SAN='-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined' $(BUILD)/fuzz/liblinzhang.a
	@mkdir -p $(BUILD)/fuzz/corpus
	clang -std=c11 -O1 -g -D_GNU_SOURCE -I$(BUILD)/fuzz/proto -fsanitize=address,undefined,fuzzer -fno-sanitize-recover=undefined -o $(BUILD)/fuzz/gates tests/fuzz/gates.c $(BUILD)/fuzz/liblinzhang.a $(LIBS)
	$(BUILD)/fuzz/gates -max_total_time=$(SECONDS) -max_len=4096 -rss_limit_mb=4096 -print_final_stats=1 $(BUILD)/fuzz/corpus tests/fuzz/corpus
