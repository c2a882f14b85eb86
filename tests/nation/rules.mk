# A country in one process: the simulator's sources, built for 4,096 units, and its own driver.
TEST_PROGS += $(BUILD)/nation
$(BUILD)/nation: $(wildcard tests/nation/*.[ch]) $(wildcard tests/sim/*.c tests/sim/*.h tests/sim/*.def) $(BUILD)/n1/n1.o $(LIB)
	$(V)$(CC) $(filter-out -Wconversion -MMD -MP,$(CFLAGS)) -DSIM_NODES=4096 -Wl,--wrap=lz_log -o $@ $(sort $(wildcard tests/nation/*.c) \
		$(addprefix tests/sim/,world.c shape.c node.c disk.c net.c clerks.c carry.c check.c witness.c program.c \
		history.c history_fold.c history_read.c history_rules.c)) $(BUILD)/n1/n1.o $(LIB) $(LIBS)

.PHONY: nation
DIVISIONS ?= deploy/data/divisions-china.tsv
nation: $(BUILD)/nation ## a working day of the whole country, 3,214 units in one process, with an outage [SEED=7] [PROVINCE=410000]
	@$(BUILD)/nation -f $(SEED) $(if $(PROVINCE),-p $(PROVINCE)) $(DIVISIONS)
