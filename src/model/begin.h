#pragma once
// How servers begin whose names nobody has heard of.
#include <vector>

#include "model/model.h"

namespace weir::model {

// In a process that is about to serve: its records are held from here on, and servers that nobody knew begin as the file says;
// returns them. What is known of the others is not touched before Model::settle(): the worker that serves now goes on with it
// if this one fails.
std::vector<const Server*> begin_servers(Model& model);

// As the file says and with nothing counted, though its record may have been another server's of that name. What is on the
// server now still counts.
void begin_anew(Model& model, const Server& server);

}  // namespace weir::model
