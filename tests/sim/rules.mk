# The simulator: many nodes in one process, all from one seed.
SIM_SRC := $(wildcard tests/sim/*.c)
TEST_PROGS += $(BUILD)/sim
$(BUILD)/sim: $(SIM_SRC) $(wildcard tests/sim/*.h) $(LIB)
	$(V)$(CC) $(filter-out -Wconversion,$(CFLAGS)) -o $@ $(SIM_SRC) $(LIB) $(LIBS)

.PHONY: sim soak
SEED ?= 1
SEEDS ?= 1
MIX ?= crash
sim: $(BUILD)/sim ## SEED=7 [SEEDS=n] [MIX=crash|restore|all] [TRACE=1]: replay worlds exactly
	@$(BUILD)/sim -f $(SEED) -n $(SEEDS) -m $(MIX) $(if $(TRACE),-t)

soak: $(BUILD)/sim ## SEEDS=n seeds with every fault, from a random start
	@$(BUILD)/sim -f $$(( $$(date +%s) % 1000000000 )) -n $(SEEDS) -m all
