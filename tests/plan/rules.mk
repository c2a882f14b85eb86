.PHONY: plan
plan: bootstrap ## the 22 items and three safeguards of the plan, each a story on three real tiers [ITEM="item_03 safeguard_1"]
	@$(MAKE) --no-print-directory -j2 $(PROGS)
	@tests/plan/t_plan $(BUILD) $(ITEM)
