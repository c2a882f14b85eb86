# Three tiers of real daemons, measured beside what the parts can do and beside other systems that do the same work.
BENCH_C := $(wildcard tests/bench/*.c)
$(BUILD)/tests/bench/%.o: tests/bench/%.c | $(PROTO_C)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion,$(CFLAGS)) -c -o $@ $<
$(BUILD)/bench/run: $(call obj,$(BENCH_C)) $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(SAN) $(LINK) -o $@ $^ $(LIBS)
TEST_PROGS += $(BUILD)/bench/run

COUNT  ?= 100000
ROUNDS ?= 5
.PHONY: bench bench-deps
bench-deps: ## install the systems that make bench measures beside linzhang
	@deploy/bootstrap bench-deps
	@echo 'bench-deps: make bench starts its own servers; if this machine started the packages as services: systemctl disable --now nats-server mosquitto'
bench: bootstrap ## ceilings, peers and linzhang side by side, against the targets [COUNT=100000] [ROUNDS=5] [PEERS=nats] [CASES=throughput,urgent]
	@$(MAKE) --no-print-directory -j2 $(PROGS) $(BUILD)/bench/run
	@$(BUILD)/bench/run $(BUILD)/linzhangd $(BUILD)/bench/dir $(BUILD)/bench/results.tsv $(COUNT) $(ROUNDS) "$(PEERS)" "$(CASES)"
