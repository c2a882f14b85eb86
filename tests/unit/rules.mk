# Criterion programs, one for each file.
UNIT_SRC  := $(wildcard tests/unit/*.c)
UNIT_BINS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(UNIT_SRC))

TEST_PROGS += $(UNIT_BINS)

# test_faults stands between the code and what it calls
UNIT_WRAP := arena_alloc arena_alloc_raw arena_copy mdb_get mdb_put mdb_del mdb_txn_begin mdb_txn_commit mdb_cursor_open mdb_cursor_get mdb_dbi_open \
    mdb_env_create mdb_env_open mdb_env_sync mdb_env_set_maxdbs mdb_env_set_mapsize mdb_cursor_del mdb_stat fsync syncfs rename unlink mkdir flock open statfs \
    fstatvfs link close read write fstat mmap malloc calloc realloc
$(BUILD)/tests/unit/test_faults: WRAP := $(UNIT_WRAP:%=-Wl,--wrap=%)

$(BUILD)/tests/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(CFLAGS) -o $@ $< $(ALSO) $(LIB) $(LIBS) -lcriterion $(WRAP)

# What a test reads beside the library: the simulator's second opinion is tested too.
$(BUILD)/tests/unit/test_history: ALSO := $(wildcard tests/sim/history*.c)
$(BUILD)/tests/unit/test_history: $(wildcard tests/sim/history*.c) $(wildcard tests/sim/history*.h)

.PHONY: unit
unit: $(UNIT_BINS) ## unit tests (Criterion)
	@BUILD=$(BUILD) tests/run unit
