# install.mk - `make install` and `make uninstall`, and what the programs know of it: where their parts lie. docs/install.md tells the rest.
# PREFIX, and the folders below it, are those that the files have when they are used; DESTDIR goes before them while they are copied.
# A part is found from the program's own folder: what is installed may be moved as a whole.
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBDIR  ?= $(PREFIX)/lib
DATADIR ?= $(PREFIX)/share
MANDIR  ?= $(DATADIR)/man
DOCDIR  ?= $(DATADIR)/doc/metaperturb
PARTS   := $(LIBDIR)/metaperturb
SHARE   := $(DATADIR)/metaperturb

not_a_folder = $(or $(filter-out /%,$(firstword $($1))),$(word 2,$($1)))
$(foreach v,PREFIX BINDIR LIBDIR DATADIR MANDIR DOCDIR,$(if $(or $(call not_a_folder,$v),$(if $($v),,1)),\
    $(error $v=$($v): must begin with / and hold no space)))

# SOURCE:PLACE, of programs and libraries, and of the rest.
INSTALL_PROGRAMS := $(BUILD)/metaperturb:$(BINDIR)/metaperturb $(BUILD)/metaperturb-host:$(PARTS)/metaperturb-host
INSTALL_FILES := $(foreach f,$(BUILD)/libmetaperturb.so $(BUILD)/metaperturb-mpi.so $(VIDEO),$f:$(PARTS)/$(notdir $f)) \
    $(foreach f,$(wildcard cfg/*.cfg cfg_meta/*.* cfg_meta/phi/*.* docs/*.md),$f:$(SHARE)/$f) \
    $(foreach f,README.md CHANGELOG.md,$f:$(DOCDIR)/$f) \
    scripts/completion.bash:$(DATADIR)/bash-completion/completions/metaperturb
INSTALL_SCRIPTS := $(foreach f,darknet_example.py prepare_detection.sh prepare_folder.sh prepare_pack.sh,scripts/$f:$(SHARE)/scripts/$f)

# The manual: a page for the program and one for each of its groups, which it names itself.
manual: $(BUILD)/man/done
$(BUILD)/man/done: $(BUILD)/metaperturb
	@rm -rf $(@D) && mkdir -p $(@D)
	@set -e; $< help -man >$(@D)/metaperturb.1; \
	for g in $$($< help -complete "" | grep -v '^help$$'); do $< help -man $$g >$(@D)/metaperturb-$$g.1; done
	@touch $@

install: all manual
	@set -e; put() { m=$$1; shift; for f; do install -D -m $$m "$${f%%:*}" '$(DESTDIR)'"$${f#*:}"; done; }; \
	put 755 $(INSTALL_PROGRAMS) $(INSTALL_SCRIPTS); put 644 $(INSTALL_FILES); \
	for f in $(BUILD)/man/*.1; do put 644 "$$f:$(MANDIR)/man1/$${f##*/}"; done
	@echo "installed below $(DESTDIR)$(PREFIX); \`make uninstall\` with the same words takes it away"

# Folders go that are ours alone, once they are empty.
uninstall:
	@for f in $(INSTALL_PROGRAMS) $(INSTALL_SCRIPTS) $(INSTALL_FILES); do rm -f '$(DESTDIR)'"$${f#*:}"; done
	@rm -f '$(DESTDIR)$(MANDIR)'/man1/metaperturb.1 '$(DESTDIR)$(MANDIR)'/man1/metaperturb-*.1
	@for d in $(PARTS) $(SHARE) $(DOCDIR); do \
	    [ ! -d '$(DESTDIR)'$$d ] || find '$(DESTDIR)'$$d -depth -type d -exec rmdir --ignore-fail-on-non-empty {} +; done

# Written again only when it changes.
$(BUILD)/places.h: FORCE
	@mkdir -p $(@D)
	@printf '#define PARTS_FROM_PROGRAM "%s"\n#define SHARE_FROM_PROGRAM "%s"\n' \
	    "$$(realpath -ms --relative-to=$(BINDIR) $(PARTS))" "$$(realpath -ms --relative-to=$(BINDIR) $(SHARE))" >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(BUILD)/base/library.o: $(BUILD)/places.h
$(BUILD)/base/library.o: FLAGS += -I$(BUILD)
