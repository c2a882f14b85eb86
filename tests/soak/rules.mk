# What is too long for `make test`.
.PHONY: soak-tree
soak-tree: $(PROGS) $(BUILD)/tests/clerks $(BUILD)/tests/ledger ## 13 real daemons under load and faults: flat memory, nothing lost [MINUTES=60]
	@tests/soak/tree $(BUILD) $(or $(MINUTES),60)
