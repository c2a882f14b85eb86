# What grows with what: real stores and turns in the simulator's world, more records, more children, more tiers.
GROWTH_SIM := $(addprefix tests/sim/,world.c shape.c node.c disk.c net.c clerks.c carry.c check.c witness.c program.c history.c history_fold.c history_read.c \
	history_rules.c)
TEST_PROGS += $(BUILD)/growth
$(BUILD)/growth: tests/growth/growth.c $(wildcard tests/sim/*.c tests/sim/*.h) $(BUILD)/n1/n1.o $(LIB)
	$(V)$(CC) $(filter-out -Wconversion -MMD -MP,$(CFLAGS)) -DSIM_NODES=512 -Wl,--wrap=lz_log -o $@ tests/growth/growth.c $(GROWTH_SIM) $(BUILD)/n1/n1.o \
		$(LIB) $(LIBS)

.PHONY: bench-plots
RECORDS ?= 1000000
bench-plots: $(BUILD)/growth ## growth with records, children and tiers, as a table and as SVG in build/bench [RECORDS=10000000]
	@mkdir -p $(BUILD)/bench
	@$(BUILD)/growth $(RECORDS) $(BUILD)/bench/growth.tsv
	@awk -f tests/growth/plots.awk -v dir=$(BUILD)/bench $(BUILD)/bench/growth.tsv
