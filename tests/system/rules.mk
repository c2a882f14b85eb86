# Real daemons.
TEST_PROGS += $(BUILD)/tests/intruder
$(BUILD)/tests/intruder: tests/system/intruder.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion,$(CFLAGS)) -o $@ $< $(LIB) $(LIBS)
