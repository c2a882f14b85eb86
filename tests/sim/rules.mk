# The simulator: many nodes in one process, all from one seed.
SIM_SRC := $(wildcard tests/sim/*.c)
TEST_PROGS += $(BUILD)/sim
$(BUILD)/sim: $(SIM_SRC) $(wildcard tests/sim/*.h tests/sim/*.def) $(BUILD)/n1/n1.o $(LIB)
	$(V)$(CC) $(filter-out -Wconversion -MMD -MP,$(CFLAGS)) -Wl,--wrap=lz_log -o $@ $(SIM_SRC) $(BUILD)/n1/n1.o $(LIB) $(LIBS)

# The program before this one: the same sources, less some kinds of record; every name of it begins with n1_, its log is ours.
OLD_KINDS := emergency duty bulletin
N1_OBJ := $(filter-out %/core/words.o %/base/log.o,$(call obj,$(foreach r,base core store flow turn,$(wildcard daemon/$(r)/*.c)))) $(PROTO_C:.c=.o) $(BUILD)/n1/words.o
$(BUILD)/n1/words.c: daemon/core/words.c schema/kinds.def tests/sim/rules.mk
	@mkdir -p $(@D)
	@grep -vE '^X\(($(subst $() $(),|,$(strip $(OLD_KINDS)))),' schema/kinds.def > $(@D)/kinds.def
	@sed -e 's,"../../schema/kinds.def","kinds.def",' -e 's,"../../schema/,"$(CURDIR)/schema/,' -e 's,"core.h","$(CURDIR)/daemon/core/core.h",' $< > $@
$(BUILD)/n1/words.o: $(BUILD)/n1/words.c daemon/core/core.h
	$(V)$(CC) $(CFLAGS) -I$(@D) -c -o $@ $<
$(BUILD)/n1/n1.o: $(N1_OBJ)
	@$(LD) -r -o $(@D)/all.o $(N1_OBJ)
	@nm -g --defined-only $(@D)/all.o | awk '{ print $$3, "n1_" $$3 }' > $(@D)/names
	@objcopy --redefine-syms=$(@D)/names $(@D)/all.o $@

.PHONY: sim soak
SEED ?= 1
SEEDS ?= 1
MINUTES ?= 10
MIX ?= all
sim: $(BUILD)/sim ## SEED=7 [SEEDS=n] [MIX=all|crash,net,...] [TRACE=1]: replay worlds exactly
	@$(BUILD)/sim -f $(SEED) -n $(SEEDS) -m $(MIX) $(if $(TRACE),-t)

SOAK_MIXES := all all crash,disk,net,clock,load crash,disk,net,clock,load,restore,destroy crash,disk,net,clock,load,tree,move crash,net,load,skew \
	crash,disk,net,load,files crash,disk,net,load,restore,destroy,files
soak: $(BUILD)/sim ## MINUTES=n of fresh seeds, every mix of faults in turn
	@$(BUILD)/sim -f $$(( $$(date +%s) * 1000 )) -l $(MINUTES) $(SOAK_MIXES:%=-m %)
