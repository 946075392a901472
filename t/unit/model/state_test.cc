// What a configuration takes over from former ones: model/state.cc.
#include "model/state.h"

#include <criterion/criterion.h>

#include "model/model.h"

using namespace weir;

// One load of a configuration with one server.
struct Load {
  model::Model model;
  model::Server server;
  model::ServerLocal local;

  explicit Load(int32_t weight, bool disabled = false, uint16_t port = 80) {
    SharedRecords::begin_load();
    server.weight = weight;
    server.disabled = disabled;
    server.addr.family = AF_INET;
    server.addr.port = port;
    server.state = model::server_state("b/s");
    server.local = &local;
    model.servers.push_back(&server);
    model.settle();
  }
};

Test(state, what_was_set_stays_until_the_file_changes) {
  Load first(10);
  cr_expect(first.server.state->weight == 10);
  first.server.state->weight = 5;
  first.server.state->admin = static_cast<uint8_t>(model::Admin::drain);
  Load second(10);
  cr_expect(second.server.state == first.server.state);
  cr_expect(second.server.state->weight == 5);
  Load third(20);
  cr_expect(third.server.state->weight == 20);
  cr_expect(third.server.state->admin == static_cast<uint8_t>(model::Admin::drain));
  Load fourth(20, true);
  cr_expect(fourth.server.state->admin == static_cast<uint8_t>(model::Admin::maint));
}

Test(state, an_address_that_was_set_stays_until_the_file_changes_it) {
  Load first(1);
  net::Addr moved;
  moved.family = AF_UNIX;
  moved.path = "/run/other";
  moved.path_size = 10;
  first.server.state->moved.set(moved);
  first.server.state->up = false;
  Load second(1);
  cr_expect(second.server.address() == moved);
  cr_expect(!second.server.state->up);
  Load third(1, false, 81);
  cr_expect(third.server.address() == third.server.addr);
  cr_expect(third.server.state->up, "another address has not failed yet");
}
