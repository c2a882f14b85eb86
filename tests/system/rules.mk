# Real daemons.
TEST_PROGS += $(BUILD)/tests/intruder $(BUILD)/tests/clerks $(BUILD)/tests/ledger $(BUILD)/tests/tunnel $(BUILD)/tests/latency
$(BUILD)/tests/intruder $(BUILD)/tests/clerks $(BUILD)/tests/ledger $(BUILD)/tests/tunnel $(BUILD)/tests/latency: $(BUILD)/tests/%: tests/system/%.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion,$(CFLAGS)) -o $@ $< $(LIB) $(LIBS)
TEST_PROGS += $(BUILD)/tests/clock.so
$(BUILD)/tests/clock.so: tests/system/clock.c
	@mkdir -p $(@D)
	$(V)$(CC) $(WARN) $(OPT) -D_GNU_SOURCE -fPIC -shared -o $@ $<
