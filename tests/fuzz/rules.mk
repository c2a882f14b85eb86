# libFuzzer over what comes from outside.
SECONDS ?= 60
.PHONY: fuzz
fuzz: ## libFuzzer over every gate, under ASan and UBSan [SECONDS=60]
	@deploy/bootstrap fuzz
	@$(MAKE) --no-print-directory -j2 BUILD=$(BUILD)/fuzz CC=clang OPT='-O1 -g' HARDEN= LINK= SAN='-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined' $(BUILD)/fuzz/liblinzhang.a
	@mkdir -p $(BUILD)/fuzz/corpus
	clang -std=c11 -O1 -g -D_GNU_SOURCE -I$(BUILD)/fuzz/proto -fsanitize=address,undefined,fuzzer -fno-sanitize-recover=undefined -o $(BUILD)/fuzz/gates tests/fuzz/gates.c $(BUILD)/fuzz/liblinzhang.a $(LIBS)
	$(BUILD)/fuzz/gates -max_total_time=$(SECONDS) -max_len=4096 -rss_limit_mb=4096 -print_final_stats=1 $(BUILD)/fuzz/corpus tests/fuzz/corpus
