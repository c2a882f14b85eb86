# Real daemons.
TEST_PROGS += $(BUILD)/tests/intruder $(BUILD)/tests/clerks $(BUILD)/tests/ledger $(BUILD)/tests/tunnel
$(BUILD)/tests/intruder $(BUILD)/tests/clerks $(BUILD)/tests/ledger $(BUILD)/tests/tunnel: $(BUILD)/tests/%: tests/system/%.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion,$(CFLAGS)) -o $@ $< $(LIB) $(LIBS)
