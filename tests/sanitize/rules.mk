# The same sources under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer. The runtimes are linked in, since the shared libubsan
# does not send its reports to log_path beside the shared libasan, and since a preloaded library of a test must not come before them.
ASAN_ARGS := BUILD=$(BUILD)/asan OPT='-O1 -g' HARDEN= LINK= \
    SAN='-fsanitize=address,undefined -fno-omit-frame-pointer -static-libasan -static-libubsan'
SANITIZE_UNITS := store turn ctl

$(BUILD)/tests/control: tests/sanitize/control.c
	@mkdir -p $(@D)
	$(V)$(CC) -std=c11 -O0 -g $(SAN) -o $@ $< -lpthread

# what `make test` runs under them
TEST_PROGS += asan-sample
.PHONY: asan-sample asan-sample-programs asan
asan-sample:
	@$(MAKE) --no-print-directory $(ASAN_ARGS) asan-sample-programs
asan-sample-programs: $(PROGS) $(BUILD)/sim $(BUILD)/tests/control $(SANITIZE_UNITS:%=$(BUILD)/tests/unit/test_%)

asan: bootstrap ## all suites under ASan, LSan and UBSan
	@$(MAKE) --no-print-directory -j2 $(ASAN_ARGS) $(patsubst $(BUILD)/%,$(BUILD)/asan/%,$(PROGS) $(filter $(BUILD)/%,$(TEST_PROGS)) $(BUILD)/tests/power_wrapped $(BUILD)/tests/control)
	@BUILD=$(BUILD)/asan tests/run asan

# ThreadSanitizer over real daemons; libzmq is not instrumented, which tests/sanitize/tsan.suppressions and the options allow for.
TSAN_ARGS := BUILD=$(BUILD)/tsan OPT='-O1 -g' HARDEN= LINK= SAN='-fsanitize=thread'
.PHONY: tsan tsan-programs
tsan: bootstrap ## real daemons under ThreadSanitizer, through two system tests
	@$(MAKE) --no-print-directory -j2 $(TSAN_ARGS) tsan-programs
	@BUILD=$(BUILD)/tsan tests/run tsan
tsan-programs: $(PROGS) $(BUILD)/tests/control

# memcheck sees what the sanitizers cannot: what was never written, and the insides of the libraries.
TEST_PROGS += $(BUILD)/tests/control
.PHONY: valgrind
valgrind: bootstrap ## a province, a city and a county under valgrind
	@$(MAKE) --no-print-directory -j2 $(PROGS) $(BUILD)/tests/control
	@BUILD=$(BUILD) tests/run memcheck
