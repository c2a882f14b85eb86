# Attackers on real daemons: without a key, with one, in the middle, above.
HOSTILE_SHARED := tests/hostile/hostile.c tests/hostile/line.c
HOSTILE := $(patsubst tests/hostile/%.c,$(BUILD)/tests/hostile/%,$(filter-out $(HOSTILE_SHARED),$(wildcard tests/hostile/*.c)))
TEST_PROGS += $(HOSTILE)
$(HOSTILE): $(BUILD)/tests/hostile/%: tests/hostile/%.c $(HOSTILE_SHARED) $(wildcard tests/hostile/*.h) $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion -MMD -MP,$(CFLAGS)) -o $@ $< $(HOSTILE_SHARED) $(LIB) $(LIBS)
