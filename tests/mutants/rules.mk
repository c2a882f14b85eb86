# Planted bugs (list): the tests of the tests. The simulator and the unit tests as objects, to be linked with a file that has one.
MUTANT_OBJS := $(patsubst tests/sim/%.c,$(BUILD)/mutants/sim+%.o,$(wildcard tests/sim/*.c)) $(patsubst tests/unit/%.c,$(BUILD)/mutants/%.o,$(wildcard tests/unit/*.c))
TEST_PROGS += $(MUTANT_OBJS)

$(BUILD)/mutants/sim+%.o: tests/sim/%.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion,$(CFLAGS)) -c -o $@ $<

$(BUILD)/mutants/%.o: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(CFLAGS) -c -o $@ $<

.PHONY: mutants
mutants: $(LIB) $(BUILD)/n1/n1.o $(MUTANT_OBJS) ## plant the bugs of tests/mutants/list; each must be found [N="7 12"]
	@echo '$(CC) $(filter-out -MMD -MP,$(CFLAGS))' >$(BUILD)/mutants/cc
	@echo '$(LIBS)' >$(BUILD)/mutants/libs
	@tests/mutants/run $(BUILD) $(N)
