# Three tiers of real daemons, measured.
$(BUILD)/bench/bench: tests/bench/bench.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion,$(CFLAGS)) -o $@ $< $(LIB) $(LIBS)

RECORDS ?= 100000
ROUNDS  ?= 3
.PHONY: bench
bench: bootstrap ## throughput, latency, catch-up, memory on a three-tier chain [RECORDS=n] [ROUNDS=n]
	@$(MAKE) --no-print-directory -j2 $(PROGS) $(BUILD)/bench/bench
	@mkdir -p $(BUILD)/bench
	@$(BUILD)/bench/bench $(BUILD)/linzhangd $(CURDIR)/deploy/data/divisions-henan.tsv $(CURDIR)/$(BUILD)/bench/run $(BUILD)/bench/results.tsv $(RECORDS) $(ROUNDS)
