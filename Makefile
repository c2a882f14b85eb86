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
# what a modern Debian build has; tests/analysis/hardening reads it back from the binaries
CONTROL := $(if $(findstring x86_64,$(shell uname -m)),-fcf-protection=full,$(if $(findstring aarch64,$(shell uname -m)),-mbranch-protection=standard))
HARDEN  := -fstack-protector-strong -fstack-clash-protection $(CONTROL) -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fPIE -fno-plt -Wformat=2 -Wformat-security
LINK    := -pie -Wl,-z,relro,-z,now,-z,noexecstack
SAN     ?=
CFLAGS  += $(WARN) $(OPT) $(HARDEN) $(SAN) $(DEFINES) -D_GNU_SOURCE -MMD -MP -I$(BUILD)/proto
LIBS    := -lzmq -llmdb -lprotobuf-c -lsodium -linih -ljansson -lpthread

ROOMS   := base kinds core store flow survey turn wire ctl
CLIENT  := daemon/ctl/linzhangctl.c daemon/ctl/print.c $(wildcard daemon/ctl/client_*.c)
COMMON  := $(filter-out $(CLIENT),$(foreach r,$(ROOMS),$(wildcard daemon/$(r)/*.c)))
DAEMON  := daemon/main.c daemon/config.c daemon/restore.c daemon/drop.c
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

# ---- tests: what a suite needs to be built and run stands beside it ----
TEST_PROGS :=
include $(sort $(wildcard tests/*/rules.mk))

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: quick test
quick: bootstrap ## seconds: unit tests, lint, a few seeds
	@$(MAKE) --no-print-directory $(PROGS) $(UNIT_BINS) $(BUILD)/sim $(WORDS)
	@BUILD=$(BUILD) tests/run unit lint words sim-quick

test: bootstrap ## everything; ends with "N passed, N failed"
	@$(MAKE) --no-print-directory -j2 $(PROGS) $(TEST_PROGS)
	@BUILD=$(BUILD) tests/run all

.PHONY: demo
demo: bootstrap ## 13 real daemons run the plan on loopback [KEEP=1]
	@$(MAKE) --no-print-directory -j2 $(PROGS)
	@deploy/demo $(BUILD) $(KEEP)

.PHONY: install
PREFIX ?= /usr/local
install: $(PROGS) ## install the two programs, the data and the samples [PREFIX=/usr/local] [DESTDIR=]
	install -D -t $(DESTDIR)$(PREFIX)/sbin $(BUILD)/linzhangd
	install -D -t $(DESTDIR)$(PREFIX)/bin $(BUILD)/linzhangctl
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/locale/en/LC_MESSAGES $(CATALOG)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/linzhang/data deploy/data/*
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/linzhang/examples deploy/examples/*
