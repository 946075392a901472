#pragma once
// client_body_in_file_only: request bodies as files with names, for scripts and servers that read them there.
#include "nginx/module.h"

namespace weir::nginx {

extern const Module kBodyFileModule;
extern const std::span<const VariableDef> kBodyFileVariables;

// Where a level keeps request bodies that do not fit memory.
Str body_folder(const Level& level);
// How many bytes of a request body stay in memory at this level; 0 where every body has to be a file.
uint32_t body_memory(const Level& level);
// Gives the file of a collected body its name, where the location wants that. False: it failed, which is logged.
bool name_body_file(proxy::Transaction& txn);

}  // namespace weir::nginx
