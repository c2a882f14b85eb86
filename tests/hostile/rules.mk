# Attackers on real daemons: without a key, with one, in the middle, above.
HOSTILE := $(patsubst tests/hostile/%.c,$(BUILD)/tests/hostile/%,$(filter-out tests/hostile/hostile.c,$(wildcard tests/hostile/*.c)))
TEST_PROGS += $(HOSTILE)
$(HOSTILE): $(BUILD)/tests/hostile/%: tests/hostile/%.c tests/hostile/hostile.c tests/hostile/hostile.h $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion -MMD -MP,$(CFLAGS)) -o $@ $< tests/hostile/hostile.c $(LIB) $(LIBS)
