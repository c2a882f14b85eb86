# Power cuts, failing disks, failing memory.
POWER_SRC := $(wildcard tests/power/power.c tests/power/rig.c tests/power/replay.c tests/power/block.c tests/power/faults.c)
TEST_PROGS += $(BUILD)/tests/power $(BUILD)/tests/power_shim.so $(BUILD)/tests/power_disk
$(BUILD)/tests/power: $(POWER_SRC) $(wildcard tests/power/*.h) $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion,$(CFLAGS)) -o $@ $(POWER_SRC) $(LIB) $(LIBS)
$(BUILD)/tests/power_shim.so: tests/power/shim.c tests/power/log.h
	@mkdir -p $(@D)
	$(V)$(CC) -std=gnu11 $(OPT) -Wall -Wextra -Werror -fPIC -shared -o $@ $< -ldl
$(BUILD)/tests/power_disk: tests/power/disk.c tests/power/log.h
	@mkdir -p $(@D)
	$(V)$(CC) -std=gnu11 $(OPT) -Wall -Wextra -Werror -D_FILE_OFFSET_BITS=64 $$(pkg-config --cflags fuse3) -o $@ $< $$(pkg-config --libs fuse3)
# With the shim linked in, for a sanitizer whose malloc must come first.
$(BUILD)/tests/power_wrapped: $(POWER_SRC) tests/power/shim.c $(wildcard tests/power/*.h) $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(filter-out -Wconversion -Wshadow -std=c11,$(CFLAGS)) -std=gnu11 -DPOWER_WRAP -rdynamic -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc \
	    -o $@ $(POWER_SRC) tests/power/shim.c $(LIB) $(LIBS)

IMAGES ?= 200000
CUTS   ?= 1000
.PHONY: power
power: $(PROGS) $(BUILD)/tests/power $(BUILD)/tests/power_shim.so $(BUILD)/tests/power_disk ## power cuts [IMAGES=n], below ext4 [CUTS=n], each file call and allocation made to fail
	@BUILD=$(BUILD) IMAGES=$(IMAGES) CUTS=$(CUTS) tests/run power
