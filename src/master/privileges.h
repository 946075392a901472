#pragma once
// Giving up what a worker does not need: descriptor limits, root directory, groups and user. Called once, on the main
// thread of a process that is about to serve, after its sockets and keys are there and before its threads are.
#include "master/voice.h"
#include "model/model.h"

namespace weir::master {

// Size of core files, and descriptors: as the configuration says, or as many as it needs. What may not be done is a warning.
void set_limits(const model::Model& model, Voice& voice);
void set_priority(const model::Process& process, Voice& voice);

// chroot, group, user, working directory, in this order. False after saying what is wrong.
bool drop_privileges(const model::Process& process, Voice& voice);

}  // namespace weir::master
