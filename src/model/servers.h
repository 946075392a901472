#pragma once
// Servers that come and go while a configuration is served: the one thing about a model that changes. Its lists grow at their
// end; a place whose server is gone is given to the next one of its pool. What a deleted server was made of stays until the
// model goes: requests, logs and messages between shards may still name it. On the control thread only.
#include "model/model.h"

namespace weir::model {

// Gives the server its id and its slot, which are nobody else's until add_server. False: the pool has as many servers as one can
// have.
bool place_server(const Model& model, Pool& pool, Server& server);
// Lets all shards see it. The pool's algorithm has to be a dynamic one. `server` has all that the model knows of servers; its
// state begins as that says, whatever its record had in it.
void add_server(Model& model, Pool& pool, Server& server);

// Nobody finds the server from here on, and who still names it cannot use it.
void remove_server(const Server& server);

// From here on `renamed`, a copy with another name, is found in the place of the server; both have the same state. Who still
// names the former one goes on with it. It has to be in maintenance, so that no algorithm knows of it.
void replace_server(Model& model, Pool& pool, Server& renamed);

}  // namespace weir::model
