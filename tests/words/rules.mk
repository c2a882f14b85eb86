# The catalog of English texts: schema/po/en.po. tests/words/check says what is missing in it; `make po` brings it up to date with the source.
CATALOG := $(BUILD)/locale/en/LC_MESSAGES/linzhang.mo
WORDS   := $(BUILD)/tests/words/tables

TEST_PROGS += $(WORDS)

$(CATALOG): schema/po/en.po
	@mkdir -p $(@D)
	$(V)msgfmt --check -o $@ $<

$(PROGS): | $(CATALOG)

WORDS_OBJ := $(call obj,$(wildcard daemon/ctl/client_*.c) daemon/ctl/print.c)
$(WORDS): tests/words/tables.c $(WORDS_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(V)$(CC) $(CFLAGS) -o $@ $< $(WORDS_OBJ) $(LIB) $(LIBS)

.PHONY: po
po: $(WORDS) ## schema/po/en.po follows the source: new texts come in untranslated
	@tests/words/template $(BUILD) && msgmerge --quiet --update --backup=none --no-fuzzy-matching --sort-output --no-wrap schema/po/en.po $(BUILD)/linzhang.pot
	@tests/words/check $(BUILD)
$(BUILD)/tests/unit/test_words: | $(CATALOG)
