.PHONY: year
SCALE ?= 1
year: bootstrap ## a year of Jiaozuo through 13 daemons, every figure against a plain recount [SCALE=1] [SEED=1]
	@$(MAKE) --no-print-directory -j2 $(PROGS)
	@tests/year/t_year $(BUILD) $(SCALE) $(SEED)
