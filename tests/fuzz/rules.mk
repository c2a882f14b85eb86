# libFuzzer over what comes from outside: one program for each target, under ASan and UBSan. What each feeds and what must hold stands at
# the head of tests/fuzz/TARGET.c; tests/fuzz/targets has their limits.
FUZZ_TARGETS := $(shell awk '!/^#/ && NF { print $$1 }' tests/fuzz/targets)
FUZZ_HELPERS := input node shown
FUZZ_CLIENT  := print client_args client_help client_import client_csv client_table client_map
FUZZ_SAN     := -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined -fno-omit-frame-pointer

TEST_PROGS += fuzz-build
.PHONY: fuzz fuzz-build fuzz-merge fuzz-programs
fuzz-build:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang OPT='-O1 -g' HARDEN= LINK= SAN='$(FUZZ_SAN)' DEFINES=-DLZ_ARENA_GUARD=32 fuzz-programs
fuzz-programs: $(FUZZ_TARGETS:%=$(BUILD)/%) $(BUILD)/seeds

$(BUILD)/tests/fuzz/%.o: tests/fuzz/%.c | $(PROTO_C)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion,$(CFLAGS)) -c -o $@ $<

FUZZ_PARTS = $(FUZZ_HELPERS:%=$(BUILD)/tests/fuzz/%.o) $(FUZZ_CLIENT:%=$(BUILD)/daemon/ctl/%.o) $(patsubst %.c,$(BUILD)/%.o,$(filter-out daemon/main.c,$(DAEMON))) $(LIB)
.SECONDARY: $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz/%.o) $(FUZZ_HELPERS:%=$(BUILD)/tests/fuzz/%.o)
$(FUZZ_TARGETS:%=$(BUILD)/%): $(BUILD)/%: $(BUILD)/tests/fuzz/%.o $(FUZZ_PARTS)
	$(V)$(CC) $(SAN) -fsanitize=fuzzer -o $@ $(filter-out $(if $(filter import,$*),,%client_import.o),$^) $(LIBS)
$(BUILD)/seeds: $(BUILD)/tests/fuzz/seeds.o $(FUZZ_PARTS)
	$(V)$(CC) $(filter-out -fsanitize=address%,$(SAN)) -fsanitize=address,undefined -o $@ $(filter-out %client_import.o,$^) $(LIBS)

SECONDS ?= 60
fuzz: bootstrap ## libFuzzer over every gate, or TARGET=x, n seconds in all [SECONDS=60]
	@$(MAKE) --no-print-directory -j2 fuzz-build
	@BUILD=$(BUILD)/fuzz tests/fuzz/run $(SECONDS) $(TARGET)

fuzz-merge: ## keep what the runs of `make fuzz` found, as few files as cover the same [TARGET=x]
	@$(MAKE) --no-print-directory -j2 fuzz-build
	@BUILD=$(BUILD)/fuzz tests/fuzz/merge $(TARGET)
