# Criterion programs, one for each file.
UNIT_SRC  := $(wildcard tests/unit/*.c)
UNIT_BINS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(UNIT_SRC))

TEST_PROGS += $(UNIT_BINS)

$(BUILD)/tests/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(CFLAGS) -o $@ $< $(ALSO) $(LIB) $(LIBS) -lcriterion

# What a test reads beside the library: the simulator's second opinion is tested too.
$(BUILD)/tests/unit/test_history: ALSO := $(wildcard tests/sim/history*.c)
$(BUILD)/tests/unit/test_history: $(wildcard tests/sim/history*.c) $(wildcard tests/sim/history*.h)

.PHONY: unit
unit: $(UNIT_BINS) ## unit tests (Criterion)
	@BUILD=$(BUILD) tests/run unit
