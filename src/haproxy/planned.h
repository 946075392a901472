#pragma once
// The words of HAProxy that weir knows and has not built yet, one table per area of the manual. `weir check` accepts
// them with a line each, a start refuses them, and suggestions, man pages and completion name them like all others.
// Rows leave these tables for the files of their features; the tables are static data and live as long as the program.
// In names, a parenthesised argument is left out ("http-request set-var" stands for set-var(txn.x)), and a name that
// ends in a dot stands for every word that starts with it ("http-request lua.").
#include "config/table.h"

namespace weir::haproxy {

extern const config::Table kPlannedGlobal;
extern const config::Table kPlannedGlobalTls;
extern const config::Table kPlannedGlobalTune;
extern const config::Table kPlannedProxy;
extern const config::Table kPlannedOptions;
extern const config::Table kPlannedRulesTcp;
extern const config::Table kPlannedRulesHttp;
extern const config::Table kPlannedBind;
extern const config::Table kPlannedServer;
extern const config::Table kPlannedSections;
extern const config::Table kPlannedFetchInternal;
extern const config::Table kPlannedFetchConnection;
extern const config::Table kPlannedFetchTls;
extern const config::Table kPlannedFetchBuffer;
extern const config::Table kPlannedFetchHttp;
extern const config::Table kPlannedFetchAcl;
extern const config::Table kPlannedConverter;
extern const config::Table kPlannedConverterLookup;
extern const config::Table kPlannedLogTags;
extern const config::Table kPlannedRemoved;

// Adds every table above to `index`. Called once, while the personality's index is built.
void add_planned(config::Index& index);

}  // namespace weir::haproxy
