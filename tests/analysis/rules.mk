# What reads the code instead of running it, and what counts what ran.
.PHONY: cover cover-built
TEST_PROGS += cover-built
PERCENT ?= 95
COVER := $(BUILD)/cover
COVER_FLAGS = BUILD=$(COVER) OPT='-O0 -g' HARDEN= LINK= SAN=--coverage LIBS='$(COVER)/at_exit.o -Wl,--wrap=_exit $(LIBS)'
cover: bootstrap ## branch coverage of core, store and flow [PERCENT=95]; what was never taken: build/cover/never-taken
	@$(MAKE) --no-print-directory cover-built
	@tests/analysis/coverage $(COVER) $(PERCENT)
cover-built:
	@$(MAKE) --no-print-directory $(COVER_FLAGS) $(COVER)/at_exit.o
	@$(MAKE) --no-print-directory -j2 $(COVER_FLAGS) $(patsubst $(BUILD)/%,$(COVER)/%,$(UNIT_BINS) $(BUILD)/sim)
$(BUILD)/at_exit.o: tests/analysis/at_exit.c
	@mkdir -p $(@D)
	$(V)$(CC) -std=c11 -O1 -c -o $@ $<
